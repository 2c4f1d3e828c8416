package incident

import (
	"fmt"
	"slices"
	"strings"
)

// may tells whether a person is among the approvers; nobody is by default.
func (p Policy) may(who Person) bool {
	if who.Name == "" {
		return false
	}
	for _, allowed := range p.Approvers {
		if group, ok := strings.CutPrefix(allowed, "group:"); ok {
			if group != "" && slices.Contains(who.Groups, group) {
				return true
			}
		} else if allowed == who.Name {
			return true
		}
	}
	return false
}

func (m *move) authorised(who Person, what string) error {
	if m.p.may(who) {
		return nil
	}
	return refuse(Forbidden, "%s may not %s on %s: only %s", orText(who.Name, "nobody"), what, m.p.Target, people(m.p.Approvers))
}

func people(names []string) string {
	if len(names) == 0 {
		return "nobody (no approvers are configured)"
	}
	return strings.Join(names, ", ")
}

// counted is a number with its noun: 1 step, 2 steps.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// find is the incident that an answer is about; an ended one says how it ended.
func (m *move) find(id string) (*Incident, error) {
	inc := m.s.Incident
	if inc != nil && inc.ID == id {
		return inc, nil
	}
	for _, past := range m.s.Past {
		if past.ID == id {
			return nil, refuse(Conflict, "%s has ended at %s: %s", id, m.clock(past.Ended), orText(past.Verdict, string(past.State)))
		}
	}
	return nil, refuse(NotFound, "target %s has no incident %q", m.p.Target, id)
}

// first says who was first: why a state takes no answer any more.
func (m *move) first(inc *Incident) error {
	switch inc.State {
	case Open, Planned:
		return refuse(Conflict, "%s has no plan yet: look again in a moment", inc.ID)
	case Denied:
		return refuse(Conflict, "%s is already denied by %s", inc.ID, m.answeredBy(inc, true))
	case Approved, Executing, Verifying, Recovered, NotRecovered, Unverified, UnknownState, AbortedDrift:
		if !inc.Approved.IsZero() {
			return refuse(Conflict, "%s is already approved by %s and is %s now", inc.ID, m.answeredBy(inc, false), inc.State)
		}
	case AwaitingApproval, VetoWindow, Expired, Superseded, Failed:
	}
	return refuse(Conflict, "%s is already %s: %s", inc.ID, inc.State, inc.Verdict)
}

// answeredBy names who gave the last answer, and when.
func (m *move) answeredBy(inc *Incident, deny bool) string {
	for i := len(inc.Approvals) - 1; i >= 0; i-- {
		if a := inc.Approvals[i]; a.Deny == deny {
			return fmt.Sprintf("%s at %s", a.By.Name, m.clock(a.At))
		}
	}
	if deny {
		return "ripcord at " + m.clock(inc.Ended)
	}
	return "ripcord at " + m.clock(inc.Approved)
}
