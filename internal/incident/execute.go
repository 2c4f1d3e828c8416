package incident

import (
	"fmt"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

const (
	stepPatience = 5 * time.Minute  // how long a step that is refused for now is tried
	checkGrace   = 30 * time.Second // after an attempt's deadline, for its place to settle
	checkAgain   = 2 * time.Minute  // for a place whose state nobody knows
	takeover     = 5 * time.Second  // after the deadline of another replica's call
	freezePoll   = 30 * time.Second // between looks at a freeze that stands between steps
	longestPause = 30 * time.Second // between attempts
	maxRepeats   = 5                // attempts after ones whose outcome nobody knew
)

// act lets the plan begin: it is approved, and the first intent is written in
// the same record.
func (m *move) act(by, format string, args ...any) {
	inc := m.s.Incident
	inc.Approved, inc.Replan = m.now, time.Time{}
	if by == ripcord {
		m.s.Acted = append(m.s.Acted, m.now)
	}
	m.enter(Approved, by, format, args...)
	inc.Deadline = m.now
	for _, step := range inc.Plan.Steps {
		inc.Deadline = inc.Deadline.Add(2*m.stage().timeout(step.ID) + stepPatience + checkGrace + checkAgain)
	}
	m.intend(Exec{Step: 0, Attempt: 1, Began: m.now})
}

func (m *move) stage() Stage {
	if i := m.s.Incident.Stage; i < len(m.p.Stages) {
		return m.p.Stages[i]
	}
	return Stage{}
}

// intend writes the intent of one attempt and asks for it. Nothing is called
// that is not written down first.
func (m *move) intend(x Exec) {
	inc := m.s.Incident
	step := inc.Plan.Steps[x.Step]
	m.s.Epoch++
	x.Epoch, x.Started = m.s.Epoch, m.now
	x.Deadline = m.now.Add(m.stage().timeout(step.ID))
	x.Until = x.Deadline.Add(checkGrace)
	x.Unknown, x.Done, x.Retry, x.Checks = "", false, time.Time{}, 0
	inc.Exec = &x
	m.enter(Executing, ripcord, "step %d of %d, %s: %s → %s, attempt %d until %s", x.Step+1, len(inc.Plan.Steps), step.ID, rev(step.From), rev(step.To), x.Attempt, m.clock(x.Deadline))
	m.ask(Execute{Incident: inc.ID, Step: x.Step, Plan: *inc.Plan, Attempt: actions.Attempt{
		Incident: inc.ID, Key: inc.ID + "/" + step.ID, Token: actions.Fence{Epoch: x.Epoch}, N: x.Attempt, Deadline: x.Deadline,
	}})
}

func rev(r actions.Revision) string {
	if r.Rev == "" {
		return actions.Short(r.Digest)
	}
	return r.Rev
}

// running is the execution that a result is about, or nil when it is late.
func (m *move) running(id string, step int) *Exec {
	inc := m.open()
	if inc == nil || inc.ID != id || inc.State != Executing || inc.Exec == nil || inc.Exec.Step != step {
		return nil
	}
	return inc.Exec
}

func (m *move) stepID(x *Exec) string { return m.s.Incident.Plan.Steps[x.Step].ID }

// executed takes a call's yes: its place must still be seen at To.
func (m *move) executed(in Executed) {
	x := m.running(in.Incident, in.Step)
	if x == nil || x.Attempt != in.Attempt || x.Done || !x.Retry.IsZero() {
		return
	}
	pending := x.Unknown != "" // a look is under way already
	x.Done, x.Unknown = true, ""
	x.Until = later(x.Until, m.now.Add(m.stage().timeout(m.stepID(x))))
	m.note(KindExecuted, ripcord, "%s is done after %s; its place is looked at", m.stepID(x), span(m.now.Sub(x.Started)))
	if !pending {
		m.check(0)
	}
}

// check asks where the place of the running step stands.
func (m *move) check(after time.Duration) {
	inc := m.s.Incident
	inc.Exec.Checks++
	m.ask(Check{Incident: inc.ID, Step: inc.Exec.Step, Plan: *inc.Plan, After: after})
}

// pause grows from half a second to two.
func pause(checks int) time.Duration {
	return min(500*time.Millisecond<<min(max(checks-1, 0), 2), 2*time.Second)
}

// executeFailed takes a call's no by its code.
func (m *move) executeFailed(in ExecuteFailed) {
	x := m.running(in.Incident, in.Step)
	if x == nil || x.Attempt != in.Attempt || x.Done || x.Unknown != "" || !x.Retry.IsZero() {
		return
	}
	switch in.Code {
	case actions.Drift:
		m.end(AbortedDrift, ripcord, "%s found its place neither where it came from nor where it goes to: %s%s", m.stepID(x), in.Text, m.stepsDone())
	case actions.Retry:
		m.retryLater(x, in.Text)
	case actions.Denied, actions.Permanent:
		m.end(Failed, ripcord, "%s was refused (%s): %s%s", m.stepID(x), in.Code, in.Text, m.stepsDone())
	case actions.Unknown:
		fallthrough
	default:
		m.uncertain(x, in.Text, 0)
	}
}

// stepsDone tells which steps of the plan have moved before.
func (m *move) stepsDone() string {
	inc := m.s.Incident
	if inc.Exec == nil || inc.Exec.Step == 0 {
		return m.done()
	}
	return fmt.Sprintf("; %d of %d steps are done already", inc.Exec.Step, len(inc.Plan.Steps))
}

// retryLater waits before the next attempt at a step that was refused for now.
func (m *move) retryLater(x *Exec, why string) {
	wait := backoff(x.Attempt)
	if m.now.Add(wait).Sub(x.Began) > stepPatience {
		m.end(Failed, ripcord, "%s was refused for %s in %s: %s%s", m.stepID(x), span(m.now.Sub(x.Began)), counted(x.Attempt, "attempt"), why, m.stepsDone())
		return
	}
	x.Retry = m.now.Add(wait)
	m.note(KindRetrying, ripcord, "%s is refused for now: %s; attempt %d follows in %s", m.stepID(x), why, x.Attempt+1, span(wait))
}

// backoff is 1s, 2s, 4s and so on, at most half a minute.
func backoff(n int) time.Duration {
	return min(time.Second<<min(max(n-1, 0), 5), longestPause)
}

// uncertain marks a call whose outcome nobody knows: only a look may follow.
func (m *move) uncertain(x *Exec, why string, after time.Duration) {
	x.Unknown, x.Retry, x.Checks = short(why, shortText), time.Time{}, 0
	x.Until = later(x.Until, m.now.Add(after+checkAgain))
	m.note(KindUncertain, ripcord, "nobody can say what %s did: %s; its place is looked at", m.stepID(x), why)
	m.check(after)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// checked takes where a step's place stands, when that was asked.
func (m *move) checked(in Checked) {
	x := m.running(in.Incident, in.Step)
	if x == nil || x.Unknown == "" && !x.Done {
		return
	}
	switch in.Verdict.Place {
	case actions.AtTo:
		m.stepDone(x, in.World)
	case actions.AtFrom:
		m.atFrom(x, in)
	case actions.Moving:
		m.moving(x, "is on its way", in.Verdict.Text)
	case actions.Elsewhere:
		fallthrough
	default:
		m.end(AbortedDrift, ripcord, "the place of %s is at %s, neither where it came from nor where it goes to%s%s", m.stepID(x), rev(in.Verdict.Seen), noted(in.Verdict.Text), m.stepsDone())
	}
}

// moving looks again until the attempt's time is over.
func (m *move) moving(x *Exec, how, text string) {
	if !m.now.Before(x.Until) {
		m.lost(x, fmt.Sprintf("its place %s still%s", how, noted(text)))
		return
	}
	m.note(KindMoving, ripcord, "the place of %s %s%s", m.stepID(x), how, noted(text))
	m.check(pause(x.Checks))
}

// lost hands a step to a person.
func (m *move) lost(x *Exec, why string) {
	m.condemn()
	m.end(UnknownState, ripcord, "nobody can say what %s did after %s: %s%s. Look at its place, then retry or close", m.stepID(x), counted(x.Attempt, "attempt"), why, m.stepsDone())
}

// atFrom is a place that has not moved. After a call that said yes it may still
// begin to; after one that nobody knows of, it is tried again when that can do no
// harm.
func (m *move) atFrom(x *Exec, in Checked) {
	if x.Done && m.now.Before(x.Until) {
		m.moving(x, "has not moved yet", in.Verdict.Text)
		return
	}
	if m.s.Incident.Plan.Steps[x.Step].Class == actions.ClassC {
		m.lost(x, "its place has not moved, and it must not be done twice")
		return
	}
	if x.Repeats++; x.Repeats >= maxRepeats {
		m.end(Failed, ripcord, "%s has not moved its place in %s%s", m.stepID(x), counted(x.Attempt, "attempt"), m.stepsDone())
		return
	}
	if x.Repeats == 1 {
		m.proceed(*x, in.World)
		return
	}
	wait := backoff(x.Repeats - 1)
	x.Retry, x.Done, x.Unknown = m.now.Add(wait), false, ""
	m.note(KindRetrying, ripcord, "the place of %s has not moved; attempt %d follows in %s", m.stepID(x), x.Attempt+1, span(wait))
}

// proceed makes the next attempt at x, unless a freeze stands before it.
func (m *move) proceed(x Exec, w World) {
	inc := m.s.Incident
	if why := m.frozen(w); why != "" {
		x.Retry, x.Done, x.Unknown = m.now.Add(freezePoll), false, ""
		kind := KindWaiting
		if had := inc.Exec; had.Step == x.Step && !had.Retry.IsZero() {
			kind = KindRechecked
		}
		inc.Exec = &x
		m.note(kind, ripcord, "waits before step %d of %d: %s", x.Step+1, len(inc.Plan.Steps), why)
		return
	}
	x.Attempt++
	if x.Began.IsZero() {
		x.Began = m.now
	}
	m.intend(x)
}

// stepDone goes on with the next step, or to the rules' verdict.
func (m *move) stepDone(x *Exec, w World) {
	inc := m.s.Incident
	m.condemn()
	if x.Step+1 < len(inc.Plan.Steps) {
		m.proceed(Exec{Step: x.Step + 1}, w)
		return
	}
	m.arrive()
}

// checkFailed looks again while there is time.
func (m *move) checkFailed(in CheckFailed) {
	if x := m.running(in.Incident, in.Step); x != nil && (x.Unknown != "" || x.Done) {
		m.moving(x, "can not be seen", in.Text)
	}
}

// overdue watches over a call or a look that never answered.
func (m *move) overdue(x *Exec) {
	if x.Unknown == "" && !x.Done {
		m.uncertain(x, "no answer by "+m.clock(m.now), 0)
		return
	}
	m.lost(x, "nothing was seen of its place by "+m.clock(m.now))
}
