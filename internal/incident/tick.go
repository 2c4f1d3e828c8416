package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/ripcord-dev/ripcord/rules"
)

// Deadline is the earliest time at which a Tick has work to do; zero when none
// has.
func (s Target) Deadline() time.Time {
	var due []time.Time
	if s.Freeze != nil {
		due = append(due, s.Freeze.Until)
	}
	if inc := s.Incident; inc != nil && !inc.State.Terminal() {
		due = append(due, inc.Deadline, inc.Replan)
		if x := inc.Exec; inc.State == Executing && x != nil {
			due = append(due, x.due())
		}
	}
	due = slices.DeleteFunc(due, time.Time.IsZero)
	if len(due) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(due, time.Time.Compare)
}

// watchSlack is how long after its time an answer may still come by itself.
const watchSlack = 30 * time.Second

// due is when the step needs the clock: for its next attempt, or because no
// answer came.
func (x *Exec) due() time.Time {
	if !x.Retry.IsZero() {
		return x.Retry
	}
	return x.Until.Add(watchSlack)
}

// tick lets deadlines pass.
func (m *move) tick(w World) {
	if f := m.s.Freeze; f != nil && !f.holds(m.now) {
		m.thaw(ripcord, fmt.Sprintf("the freeze of target %s by %s ended at %s", m.p.Target, f.By, m.clock(f.Until)))
	}
	inc := m.open()
	if inc == nil {
		return
	}
	if !inc.Deadline.IsZero() && !m.now.Before(inc.Deadline) {
		m.timeUp(w)
		return
	}
	if x := inc.Exec; inc.State == Executing && !m.now.Before(x.due()) {
		if x.Retry.IsZero() {
			m.overdue(x)
		} else {
			m.proceed(*x, w)
		}
		return
	}
	if !inc.Replan.IsZero() && !m.now.Before(inc.Replan) {
		m.replan()
	}
}

// timeUp is what each state does when its time is over.
func (m *move) timeUp(w World) {
	inc := m.s.Incident
	switch inc.State {
	case Open:
		m.end(Failed, ripcord, "no plan for %s → %s came within %s%s", inc.Version, inc.To, span(planPatience), m.done())
	case AwaitingApproval:
		m.refusedBy("expired at " + m.clock(m.now))
		m.end(Expired, ripcord, "nobody of %s decided by %s, with %d of %d yeses%s", people(m.p.Approvers), m.clock(inc.Deadline), inc.yeses(), m.p.Quorum, m.done())
	case VetoWindow:
		m.unopposed(w)
	case Executing:
		m.outOfTime()
	case Verifying:
		m.judged()
	case Planned, Approved, Recovered, NotRecovered, Denied, Expired, Superseded, AbortedDrift, Unverified, Failed, UnknownState:
	}
}

// unopposed acts at the end of a veto window, when nothing has changed since.
func (m *move) unopposed(w World) {
	inc := m.s.Incident
	why := m.halted(w)
	switch {
	case inc.Mode < rules.Veto:
		why = orText(inc.Ceiling, "the mode is "+inc.Mode.String())
	case !inc.Resolved.IsZero():
		why = fmt.Sprintf("%s resolved at %s", inc.Rule, m.clock(inc.Resolved))
	case !inc.Plan.Expires.IsZero() && !m.now.Before(inc.Plan.Expires):
		why = "the plan has expired"
	}
	if why != "" {
		m.lower("%s", why)
		m.await()
		return
	}
	m.act(ripcord, "nobody said no in the veto window of %s", span(m.p.Veto))
}

// outOfTime ends an execution that took too long in all.
func (m *move) outOfTime() {
	x := m.s.Incident.Exec
	if !x.Retry.IsZero() {
		m.end(Failed, ripcord, "%s could not be done in time%s", m.stepID(x), m.stepsDone())
		return
	}
	m.lost(x, "the time for the stage is over")
}

// announceAgain is how long after an act a restart repeats its announcement.
const announceAgain = time.Hour

// restarted takes over what a dead process left behind. Calls that were under
// way are unknown; effects that may have been lost are asked for again.
func (m *move) restarted(in Restarted) {
	m.reconsider()
	inc := m.s.Incident
	if inc == nil {
		return
	}
	if cur := m.s.Current(); cur != nil && cur.Rollback == inc.ID && !inc.Moved.IsZero() && m.now.Sub(inc.Moved) < announceAgain {
		m.announceAnew()
	}
	switch inc.State {
	case Open:
		m.note(KindResumed, ripcord, "the daemon restarted: the plan is made anew")
		m.askPlan()
	case Executing:
		m.resume(inc.Exec, in.Same)
	case Planned, AwaitingApproval, VetoWindow, Approved, Verifying, Recovered, NotRecovered, Denied, Expired, Superseded,
		AbortedDrift, Unverified, Failed, UnknownState:
	}
}

// resume looks at the place of a step before anything else is done to it.
func (m *move) resume(x *Exec, same bool) {
	switch {
	case !x.Retry.IsZero(): // no call was under way
	case x.Done:
		x.Until = later(x.Until, m.now.Add(checkAgain))
		m.note(KindResumed, ripcord, "the daemon restarted: the place of %s is looked at again", m.stepID(x))
		m.check(0)
	case same:
		m.uncertain(x, "the daemon restarted while the call ran", 0)
	default:
		wait := max(0, x.Deadline.Add(takeover).Sub(m.now))
		m.uncertain(x, "another daemon was making the call", wait)
	}
}

// announceAnew repeats the release event of our own act.
func (m *move) announceAnew() {
	inc := m.s.Incident
	previous := ""
	if known, _, ok := m.s.KnownGood(inc.To, m.p, m.now); ok {
		previous = known.Version
	}
	m.note(KindResumed, ripcord, "the daemon restarted: the release of %s is announced again", inc.To)
	m.ask(Announce{Incident: inc.ID, Version: inc.To, Previous: previous, Quarantined: inc.Version})
}

// reconsider asks again for the decisions that guards hold until a known time.
func (m *move) reconsider() {
	var next *Decided
	for i := range m.s.Decided {
		d := &m.s.Decided[i]
		if d.Guard != "" && !d.Resolved && !d.Until.IsZero() && (next == nil || d.Until.Before(next.Until)) {
			next = d
		}
	}
	if next != nil {
		m.tell(KindResumed, ripcord, "the daemon restarted: %s on %s is looked at again at %s", next.Rule, next.Version, m.clock(next.Until))
		m.ask(Reconsider{At: next.Until})
	}
}

// NeedsGrant tells whether the input would lead straight to an act, so that a
// place in the fleet's fuse must be reserved before it is stepped.
func (p Policy) NeedsGrant(s Target, in Input) bool {
	inc := s.Incident
	w, looksOut := WorldOf(in)
	if inc == nil || inc.State.Terminal() || !looksOut {
		return false
	}
	w.Granted, w.Refused = true, ""
	out, err := p.Step(s, WithWorld(in, w), p.moment(inc, in))
	return err == nil && slices.ContainsFunc(out.Effects, begins)
}

// moment is a time at which the input would be in time.
func (p Policy) moment(inc *Incident, in Input) time.Time {
	at := later(inc.Opened, inc.Planned)
	switch in := in.(type) {
	case Decide:
		return later(at, in.Decision.At)
	case Tick:
		if inc.State == VetoWindow {
			return inc.Deadline
		}
	}
	return at
}

// begins tells the effect that starts a stage.
func begins(e Effect) bool {
	x, ok := e.(Execute)
	return ok && x.Step == 0 && x.Attempt.N == 1
}
