package incident

import (
	"fmt"
	"time"
)

// Step says what follows from one input. It is total and pure: the same target,
// input and time give the same outcome, and s is never changed.
//
// An input that the state does not allow and whose sender waits for an answer is
// a *Refused error. An input that is late, repeated or not due gives an Outcome
// without entries: nothing changed, nothing is to be written or done.
func (p Policy) Step(s Target, in Input, now time.Time) (Outcome, error) {
	m := &move{p: p.withDefaults(), s: s.clone(), now: now.UTC()}
	if m.s.Name == "" {
		m.s.Name = p.Target
	}
	if err := m.take(in); err != nil {
		return Outcome{State: s}, err
	}
	if len(m.entries) == 0 {
		return Outcome{State: s}, nil
	}
	m.s.trim()
	return Outcome{State: m.s, Entries: m.entries, Effects: m.effects}, nil
}

// move is one Step under way: a copy of the target that may be changed, and what
// has been said and asked for so far.
type move struct {
	p       Policy
	s       Target
	now     time.Time
	entries []Entry
	effects []Effect
}

func (m *move) take(in Input) error {
	switch in := in.(type) {
	case Decide:
		return m.decide(in.Decision, in.World)
	case Resolve:
		m.resolve(in.Verdict)
	case Recover:
		m.recovery(in.Recovery)
	case Released:
		return m.released(in)
	case Looked:
		m.looked(in)
	case PlanMade:
		m.planMade(in)
	case PlanFailed:
		m.planFailed(in)
	case Approve:
		return m.approve(in)
	case Deny:
		return m.deny(in)
	case Rollback:
		return m.rollback(in)
	case Close:
		return m.close(in)
	case Retry:
		return m.retry(in)
	default:
		return m.takeQuiet(in)
	}
	return nil
}

// takeQuiet takes the results of effects, the switches and the clock.
func (m *move) takeQuiet(in Input) error {
	switch in := in.(type) {
	case Executed:
		m.executed(in)
	case ExecuteFailed:
		m.executeFailed(in)
	case Checked:
		m.checked(in)
	case CheckFailed:
		m.checkFailed(in)
	case SetFreeze:
		return m.freeze(in)
	case Unfreeze:
		return m.unfreeze(in)
	case Quarantine:
		return m.quarantine(in)
	case Lift:
		return m.lift(in)
	case Posted:
		m.posted(in)
	case Restarted:
		m.restarted(in)
	case Tick:
		m.tick(in.World)
	default:
		return refuse(Invalid, "nobody knows the input %T", in)
	}
	return nil
}

// open is the incident that is under way, or nil.
func (m *move) open() *Incident {
	if inc := m.s.Incident; inc != nil && !inc.State.Terminal() {
		return inc
	}
	return nil
}

// Names of who did it, in entries.
const ripcord = "ripcord"

func byRule(name string) string { return "rule:" + name }

func (p Person) by() string { return "person:" + p.Name }

// tell writes an entry of no incident.
func (m *move) tell(kind, by, format string, args ...any) {
	m.entries = append(m.entries, Entry{At: m.now, Kind: kind, By: by, Text: short(fmt.Sprintf(format, args...), entryText)})
}

// note writes an entry of the incident; each that people see counts as a
// revision of it.
func (m *move) note(kind, by, format string, args ...any) {
	inc := m.s.Incident
	entry := Entry{At: m.now, Kind: kind, Incident: inc.ID, By: by, Text: short(fmt.Sprintf(format, args...), entryText)}
	if !entry.Quiet() {
		inc.Revision++
	}
	entry.Revision = inc.Revision
	m.entries = append(m.entries, entry)
}

// enter brings the incident into a state that it goes on from.
func (m *move) enter(state State, by, format string, args ...any) {
	m.s.Incident.State = state
	m.note(string(state), by, format, args...)
}

// end brings the incident into a terminal state; the sentence is its verdict.
func (m *move) end(state State, by, format string, args ...any) {
	inc := m.s.Incident
	inc.State, inc.Ended = state, m.now
	inc.Deadline, inc.Replan = time.Time{}, time.Time{}
	if inc.Exec != nil {
		inc.Exec.Retry, inc.Exec.Until = time.Time{}, time.Time{}
	}
	inc.Verdict = short(fmt.Sprintf(format, args...), longText)
	m.note(string(state), by, "%s", inc.Verdict)
}

func (m *move) ask(e Effect) { m.effects = append(m.effects, e) }

func refuse(code RefusedCode, format string, args ...any) error {
	return &Refused{Code: code, Text: fmt.Sprintf(format, args...)}
}

// clock is a time of day as people read it, with the day when it is another.
func clock(now, t time.Time) string {
	t = t.UTC()
	if y, d := now.UTC().Year(), now.UTC().YearDay(); t.Year() != y || t.YearDay() != d {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format("15:04:05")
}

func (m *move) clock(t time.Time) string { return clock(m.now, t) }

// span is a duration as people read it: 90s is 1m30s, 3h0m0s is 3h.
func span(d time.Duration) string {
	if d >= time.Second {
		d = d.Round(time.Second)
	}
	text := d.String()
	for _, tail := range []struct{ long, short string }{{"m0s", "m"}, {"h0m", "h"}} {
		if n := len(text) - len(tail.long); n >= 0 && text[n:] == tail.long {
			text = text[:n] + tail.short
		}
	}
	return text
}
