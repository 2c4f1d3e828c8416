package incident

import (
	"strings"
)

// approve takes one yes. It counts for one plan, named by its digest, and only
// the last of a quorum leads to the act.
func (m *move) approve(in Approve) error {
	inc, err := m.find(in.Incident)
	if err != nil {
		return err
	}
	if in.Revision <= 0 || in.Digest == "" {
		return refuse(Invalid, "an approval names the plan's digest and the incident's revision")
	}
	for _, check := range []func(*Incident, Approve) error{m.mayApprove, m.isAsked, m.isPlan, m.isFirst} {
		if err := check(inc, in); err != nil {
			return err
		}
	}
	return m.yes(Approval{By: in.By, At: m.now, Digest: in.Digest, Note: short(in.Note, shortText)}, in.World)
}

// mayApprove: people among the approvers, and not the one who made the release.
func (m *move) mayApprove(inc *Incident, in Approve) error {
	if err := m.authorised(in.By, "approve"); err != nil {
		return err
	}
	if in.By.Robot {
		return refuse(Forbidden, "%s is a robot, and robots never count for a quorum", in.By.Name)
	}
	if author := m.s.author(inc.Version); !m.p.Self && author != "" && strings.EqualFold(author, in.By.Name) {
		return refuse(Forbidden, "%s made the release %s, and nobody approves on their own release", in.By.Name, inc.Version)
	}
	return nil
}

func (m *move) isAsked(inc *Incident, _ Approve) error {
	switch {
	case inc.State != AwaitingApproval && inc.State != VetoWindow:
		return m.first(inc)
	case inc.State == AwaitingApproval && !m.now.Before(inc.Deadline):
		return refuse(Conflict, "%s expired at %s", inc.ID, m.clock(inc.Deadline))
	}
	return nil
}

func (m *move) isPlan(inc *Incident, in Approve) error {
	if in.Digest != inc.Plan.Digest || in.Revision > inc.Revision {
		return refuse(Conflict, "the plan of %s has changed: look again", inc.ID)
	}
	if !inc.Plan.Expires.IsZero() && !m.now.Before(inc.Plan.Expires) {
		return refuse(Conflict, "the plan of %s expired at %s and is made anew: look again", inc.ID, m.clock(inc.Plan.Expires))
	}
	return nil
}

func (m *move) isFirst(inc *Incident, in Approve) error {
	for _, a := range inc.Approvals {
		if a.By.Name == in.By.Name && a.Digest == in.Digest && !a.Deny {
			return refuse(Conflict, "%s has already approved %s at %s", in.By.Name, inc.ID, m.clock(a.At))
		}
	}
	return nil
}

// yes counts an approval and acts when the quorum is full. The switches are asked
// only then.
func (m *move) yes(a Approval, w World) error {
	inc := m.s.Incident
	n := inc.yeses() + 1
	if n < m.p.Quorum {
		inc.Approvals = append(inc.Approvals, a)
		m.note(KindApproval, a.By.by(), "%s says yes, %d of %d%s", a.By.Name, n, m.p.Quorum, noted(a.Note))
		return nil
	}
	if why := m.halted(w); why != "" {
		return refuse(Conflict, "not now: %s", why)
	}
	inc.Approvals = append(inc.Approvals, a)
	m.act(a.By.by(), "%s says yes, %d of %d%s", a.By.Name, n, m.p.Quorum, noted(a.Note))
	return nil
}

// yeses counts the people who have approved the present plan.
func (inc *Incident) yeses() int {
	n := 0
	for _, a := range inc.Approvals {
		if a.Digest == inc.Plan.Digest && !a.Deny && !a.By.Robot {
			n++
		}
	}
	return n
}

func noted(note string) string {
	if note == "" {
		return ""
	}
	return ": " + note
}

// deny takes a no, which wins at any time before the intent is written.
func (m *move) deny(in Deny) error {
	inc, err := m.find(in.Incident)
	if err != nil {
		return err
	}
	if err := m.authorised(in.By, "deny"); err != nil {
		return err
	}
	word := "denied"
	switch inc.State {
	case Open, Planned, AwaitingApproval:
	case VetoWindow:
		word = "vetoed"
	case Approved, Executing, Verifying, Recovered, NotRecovered, Denied, Expired, Superseded, AbortedDrift, Unverified,
		Failed, UnknownState:
		return m.first(inc)
	}
	inc.Approvals = append(inc.Approvals, Approval{By: in.By, At: m.now, Digest: in.Digest, Deny: true, Note: short(in.Note, shortText)})
	m.refusedBy("denied by " + in.By.Name + " at " + m.clock(m.now))
	m.end(Denied, in.By.by(), "%s by %s%s%s", word, in.By.Name, noted(short(in.Note, shortText)), m.done())
	return nil
}

// done tells what an incident that ends without more has already moved.
func (m *move) done() string {
	inc := m.s.Incident
	if inc.Moved.IsZero() {
		return ""
	}
	return "; " + inc.To + " is in place since " + m.clock(inc.Moved) + " by the stages before"
}
