package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/ripcord-dev/ripcord/rules"
)

// ruleManual stands for the rule of an incident that a person opened.
const ruleManual = "manual"

// rollback is a person's command. It is its own approval, but not its own plan:
// the plan is made and checked like any other.
func (m *move) rollback(in Rollback) error {
	if err := m.authorised(in.By, "roll back"); err != nil {
		return err
	}
	to, err := m.destination(in.To)
	if err != nil {
		return err
	}
	if why := m.frozen(in.World); why != "" {
		return refuse(Conflict, "%s: unfreeze it first, with ripcord unfreeze", why)
	}
	if inc := m.open(); inc != nil {
		return m.commanded(inc, to, in)
	}
	inc := m.newIncident(m.s.Current().Version)
	inc.Rule, inc.Trigger, inc.Manual, inc.Mode, inc.To = ruleManual, ruleManual, in.By.Name, rules.Approve, to
	if in.By.Robot {
		inc.Ceiling = in.By.Name + " is a robot"
	} else {
		inc.Approvals = []Approval{{By: in.By, At: m.now, Note: short(in.Reason, shortText)}}
	}
	m.enter(Open, in.By.by(), "%s asks to roll %s back from %s to %s%s", in.By.Name, m.p.Target, inc.Version, to, noted(short(in.Reason, longText)))
	m.plan()
	return nil
}

// destination is the version to go to, checked against the ledger.
func (m *move) destination(to string) (string, error) {
	cur := m.s.Current()
	if cur == nil {
		return "", refuse(NotFound, "no release of %s is known yet", m.p.Target)
	}
	if to == "" {
		known, why, ok := m.s.KnownGood(cur.Version, m.p, m.now)
		if !ok {
			return "", refuse(NotFound, "no known good release before %s: %s. Name one with --to; the ledger has %s", cur.Version, why, list(m.s.versions()))
		}
		return known.Version, nil
	}
	switch why := m.s.quarantined(to); {
	case m.s.newest(to) == len(m.s.Ledger):
		return "", refuse(NotFound, "the ledger has no version %q; it has %s", to, list(m.s.versions()))
	case to == cur.Version:
		return "", refuse(Conflict, "%s is live already, since %s", to, m.clock(cur.Since))
	case why != "":
		return "", refuse(Conflict, "%s is in quarantine (%s): lift it first with ripcord quarantine lift", to, why)
	}
	return to, nil
}

// commanded is the command while an incident is open: it is the yes to one that
// asks for the same.
func (m *move) commanded(inc *Incident, to string, in Rollback) error {
	if inc.State != AwaitingApproval && inc.State != VetoWindow || inc.To != to {
		return refuse(Conflict, "%s is %s, from %s to %s: deny or close it first", inc.ID, inc.State, inc.Version, orText(inc.To, "nowhere yet"))
	}
	return m.approve(Approve{
		Incident: inc.ID, By: in.By, Digest: inc.Plan.Digest, Revision: inc.Revision, Note: in.Reason, World: in.World,
	})
}

// settleManual counts the command as the first yes to the first plan that was
// made for it.
func (m *move) settleManual(w World) {
	inc := m.s.Incident
	i := slices.IndexFunc(inc.Approvals, func(a Approval) bool { return a.Digest == "" && !a.Deny })
	if i < 0 {
		m.await()
		return
	}
	command := inc.Approvals[i]
	inc.Approvals[i].Digest = inc.Plan.Digest
	switch n, why := inc.yeses(), m.frozen(w); {
	case n < m.p.Quorum:
		inc.Ceiling = fmt.Sprintf("the command is %d yes of %d", n, m.p.Quorum)
		m.await()
	case why != "":
		inc.Ceiling = why
		m.await()
	default:
		m.act(command.By.by(), "%s has asked for it", command.By.Name)
	}
}

// close ends an incident by hand.
func (m *move) close(in Close) error {
	inc, err := m.find(in.Incident)
	if err != nil {
		return err
	}
	if err := m.authorised(in.By, "close"); err != nil {
		return err
	}
	reason := noted(short(in.Reason, shortText))
	switch inc.State {
	case Open, Planned, AwaitingApproval, VetoWindow:
		inc.Approvals = append(inc.Approvals, Approval{By: in.By, At: m.now, Deny: true, Note: short(in.Reason, shortText)})
		m.refusedBy("closed by " + in.By.Name + " at " + m.clock(m.now))
		m.end(Denied, in.By.by(), "closed by %s%s%s", in.By.Name, reason, m.done())
	case Executing:
		if inc.Exec.Retry.IsZero() {
			return refuse(Conflict, "a call of %s is under way until %s: freeze the target to stop before the next", inc.ID, m.clock(inc.Exec.Until))
		}
		m.end(Failed, in.By.by(), "closed by %s between two attempts%s%s", in.By.Name, reason, m.stepsDone())
	case Verifying:
		m.end(Unverified, in.By.by(), "%s is in place; closed by %s before the rules had judged it%s", inc.To, in.By.Name, reason)
	case Approved, Recovered, NotRecovered, Denied, Expired, Superseded, AbortedDrift, Unverified, Failed, UnknownState:
		return m.first(inc)
	}
	return nil
}

// retry plans an incident anew that came to no good end. Where it goes stays.
// People are asked, whatever the mode was; for a command it is the command anew.
func (m *move) retry(in Retry) error {
	inc, err := m.find(in.Incident)
	if err != nil {
		return err
	}
	if err := m.authorised(in.By, "retry"); err != nil {
		return err
	}
	switch inc.State {
	case Failed, AbortedDrift, UnknownState, Expired:
	case Open, Planned, AwaitingApproval, VetoWindow, Approved, Executing, Verifying, Recovered, NotRecovered, Denied,
		Superseded, Unverified:
		return refuse(Conflict, "%s is %s: only one that failed, expired, drifted or is unknown can be retried", inc.ID, inc.State)
	}
	if cur := m.s.Current(); cur != nil && cur.Version != inc.Version && cur.Version != inc.To {
		return refuse(Conflict, "%s is gone: %s is live since %s", inc.Version, cur.Version, m.clock(cur.Since))
	}
	if inc.To == "" {
		known, why, ok := m.s.KnownGood(inc.Version, m.p, m.now)
		if !ok {
			return refuse(Conflict, "there is still no release to go back to: %s", why)
		}
		inc.To = known.Version
	}
	m.reopen(inc, in.By)
	return nil
}

func (m *move) reopen(inc *Incident, by Person) {
	inc.Mode, inc.Ceiling = min(inc.Mode, rules.Approve), by.Name+" retries it after "+string(inc.State)
	inc.Ended, inc.Verdict = time.Time{}, ""
	inc.Plan, inc.Exec, inc.Verify = nil, nil, nil
	inc.Approvals = nil
	if inc.Manual != "" && !by.Robot {
		inc.Approvals = []Approval{{By: by, At: m.now}}
	}
	for i := range m.s.Decided {
		if m.s.Decided[i].Incident == inc.ID {
			m.s.Decided[i].Answered = ""
		}
	}
	m.enter(Open, by.by(), "%s plans %s → %s anew", by.Name, inc.Version, inc.To)
	m.plan()
}
