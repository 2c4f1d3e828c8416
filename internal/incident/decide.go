package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/ripcord-dev/ripcord/rules"
)

// decide answers a decision once: it opens an incident, joins the open one, or
// is held by a guard. The same decision may come again, because the log was
// replayed, because a guard may have let go, or because it is confirmed now.
func (m *move) decide(d rules.Decision, w World) error {
	switch {
	case d.ID == "" || d.Rule == "" || d.Version == "":
		return refuse(Invalid, "a decision needs an id, a rule and a version")
	case len(d.Version) > maxName:
		return refuse(Invalid, "a version of %d bytes is no version", len(d.Version))
	case d.Target != m.p.Target:
		return refuse(Invalid, "the decision is about target %q, this is %s", d.Target, m.p.Target)
	}
	prior := m.decided(d.ID)
	switch {
	case prior != nil && prior.Resolved:
		return nil
	case prior != nil && prior.Incident != "":
		m.confirm(d, w)
		return nil
	}
	t := m.try(d, w, prior)
	if d.Mode != rules.Observe {
		m.fired(d.Version)
	}
	switch {
	case t.guard != "":
		m.hold(t)
	case m.open() != nil:
		m.join(t)
	default:
		m.begin(t)
	}
	return nil
}

func (m *move) decided(id string) *Decided {
	for i := range m.s.Decided {
		if m.s.Decided[i].ID == id {
			return &m.s.Decided[i]
		}
	}
	return nil
}

// hold records the guard's sentence. That the same guard still holds is no news
// before the time at which it was to be asked again.
func (m *move) hold(t trial) {
	kind := KindHeld
	if t.guard == guardMode {
		kind = KindObserved
	}
	if p := t.prior; p != nil && p.Guard == t.guard {
		if p.Until.IsZero() || m.now.Before(p.Until) {
			return
		}
		kind = KindRechecked
	}
	m.answer(t, Decided{Held: t.held, Guard: t.guard, Until: t.until})
	m.tell(kind, byRule(t.d.Rule), "%s fired on %s and is held, because %s. It says: %s", t.d.Rule, t.d.Version, t.held, t.d.Evidence.Reason)
	if !t.until.IsZero() {
		m.ask(Reconsider{At: t.until})
	}
}

// answer remembers what became of the decision.
func (m *move) answer(t trial, a Decided) {
	a.ID, a.At, a.Rule, a.Version = t.d.ID, m.now, t.d.Rule, t.d.Version
	if t.prior == nil {
		m.s.Decided = append(m.s.Decided, a)
		return
	}
	a.At = t.prior.At
	*t.prior = a
}

// begin opens an incident and asks for its plan. Without a place to go to it has
// failed at once, and a person is called.
func (m *move) begin(t trial) {
	inc := m.newIncident(t.d.Version)
	inc.Mode, inc.Ceiling = t.mode, t.ceiling
	inc.Rule, inc.Trigger, inc.Severity = t.d.Rule, t.d.Trigger, t.d.Severity
	inc.Decisions = []rules.Decision{bounded(t.d, maxSlots)}
	m.answer(t, Decided{Incident: inc.ID})
	m.enter(Open, byRule(t.d.Rule), "%s fired on %s: %s", t.d.Rule, t.d.Version, t.d.Evidence.Reason)
	known, why, ok := m.s.KnownGood(t.d.Version, m.p, m.now)
	if !ok {
		m.end(Failed, ripcord, "there is no release to go back to from %s: %s. Roll forward, or name one with ripcord rollback %s --to VERSION", t.d.Version, why, m.p.Target)
		return
	}
	if known.Assumed {
		m.lower("%s is only assumed to have been good: %s", known.Version, orText(why, "it was found by looking"))
	}
	inc.To = known.Version
	m.plan()
}

// newIncident puts the last incident aside and makes a new one.
func (m *move) newIncident(version string) *Incident {
	if old := m.s.Incident; old != nil {
		m.s.Past = append(m.s.Past, old.brief())
	}
	m.s.Opened++
	m.s.Incident = &Incident{
		ID: fmt.Sprintf("%s-%d", m.p.Target, m.s.Opened), Target: m.p.Target, Version: version, Opened: m.now,
	}
	return m.s.Incident
}

func (inc *Incident) brief() Brief {
	return Brief{
		ID: inc.ID, Rule: inc.Rule, Version: inc.Version, To: inc.To, State: inc.State, Opened: inc.Opened,
		Ended: inc.Ended, Severity: inc.Severity, Verdict: short(inc.Verdict, shortText), Acted: !inc.Approved.IsZero(),
	}
}

// lower makes people decide on the incident.
func (m *move) lower(format string, args ...any) {
	if inc := m.s.Incident; inc.Mode > rules.Approve {
		inc.Mode, inc.Ceiling = rules.Approve, fmt.Sprintf(format, args...)
	}
}

// join adds a decision to the open incident's evidence. A rule that may go
// further than the one that opened it takes the incident with it.
func (m *move) join(t trial) {
	inc := m.s.Incident
	m.answer(t, Decided{Incident: inc.ID})
	if len(inc.Decisions) < maxDecisions {
		inc.Decisions = append(inc.Decisions, bounded(t.d, maxSlotsJoined))
	}
	inc.Resolved, inc.ResolvedReason = time.Time{}, ""
	m.note(KindJoined, byRule(t.d.Rule), "%s fired on %s too: %s", t.d.Rule, t.d.Version, t.d.Evidence.Reason)
	if inc.State == Verifying && t.d.Version == inc.To {
		m.judge(t.d.Rule, rules.True, t.d.Evidence.Reason)
		return
	}
	m.strengthen(t)
}

// confirm takes the confirmation of a decision that the open incident has.
func (m *move) confirm(d rules.Decision, w World) {
	inc := m.open()
	if inc == nil || !d.Confirmed {
		return
	}
	i := slices.IndexFunc(inc.Decisions, func(have rules.Decision) bool { return have.ID == d.ID })
	if i < 0 || inc.Decisions[i].Confirmed {
		return
	}
	waited := inc.Mode > rules.Approve && inc.confirmed() == nil
	slots := maxSlots
	if i > 0 {
		slots = maxSlotsJoined
	}
	inc.Decisions[i] = bounded(d, slots)
	m.note(KindConfirmed, byRule(d.Rule), "%s on %s is confirmed: %s", d.Rule, d.Version, orText(d.Confirmation, "a live holdback says so"))
	t := m.try(d, w, nil)
	if t.guard != "" && waited {
		m.lower("%s", t.held)
		m.note(KindAsking, ripcord, "people decide, because %s", t.held)
	}
	m.strengthen(t)
}

func orText(text, def string) string {
	if text == "" {
		return def
	}
	return text
}

// strengthen lets an incident that waits for people go as far as one confirmed
// decision of its evidence may.
func (m *move) strengthen(t trial) {
	inc := m.s.Incident
	if !t.d.Confirmed || t.guard != "" || t.mode <= rules.Approve || m.assumedTo() {
		return
	}
	switch inc.State {
	case Open:
		if inc.Manual != "" {
			return
		}
		inc.Mode, inc.Ceiling = max(inc.Mode, t.mode), ""
	case AwaitingApproval, VetoWindow:
		if inc.Manual != "" || t.mode < inc.Mode || inc.State == VetoWindow && t.mode == inc.Mode {
			return
		}
		inc.Mode, inc.Ceiling = t.mode, ""
		m.settle(t.world)
	case Planned, Approved, Executing, Verifying, Recovered, NotRecovered, Denied, Expired, Superseded, AbortedDrift,
		Unverified, Failed, UnknownState:
	}
}

// assumedTo tells that where the incident goes was never announced.
func (m *move) assumedTo() bool {
	known, _, ok := m.s.KnownGood(m.s.Incident.Version, m.p, m.now)
	return !ok || known.Version != m.s.Incident.To || known.Assumed
}

// resolve takes the news that a rule has stopped firing on a version by itself.
func (m *move) resolve(v rules.Verdict) {
	inc := m.open()
	news, ours := false, false
	for i := range m.s.Decided {
		d := &m.s.Decided[i]
		if d.Rule == v.Rule && d.Version == v.Version && !d.Resolved {
			d.Resolved, d.Until = true, time.Time{}
			news, ours = true, ours || inc != nil && d.Incident == inc.ID
		}
	}
	if !news {
		return
	}
	m.cleared(v.Version)
	if !ours {
		m.tell(KindResolved, byRule(v.Rule), "%s resolved on %s: %s", v.Rule, v.Version, v.Reason)
		return
	}
	m.note(KindResolved, byRule(v.Rule), "%s resolved on %s: %s", v.Rule, v.Version, v.Reason)
	switch {
	case inc.State == Verifying && v.Version == inc.To:
		m.judge(v.Rule, rules.False, v.Reason)
	case inc.Approved.IsZero() && !m.stillFiring(inc.ID):
		inc.Resolved, inc.ResolvedReason = m.now, short(v.Reason, longText)
	}
}

// stillFiring tells whether any decision of the incident has not resolved.
func (m *move) stillFiring(id string) bool {
	return slices.ContainsFunc(m.s.Decided, func(d Decided) bool { return d.Incident == id && !d.Resolved })
}

// refusedBy remembers a no for every rule of the incident.
func (m *move) refusedBy(answer string) {
	for i := range m.s.Decided {
		if m.s.Decided[i].Incident == m.s.Incident.ID {
			m.s.Decided[i].Answered = answer
		}
	}
}
