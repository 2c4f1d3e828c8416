// Package notifytest holds sample incidents, one for every state, on which each
// notifier shows what it makes of them.
package notifytest

import (
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/notify"
	"github.com/ripcord-dev/ripcord/rules"
)

// Start is when the sample incidents are opened.
var Start = time.Date(2026, 11, 23, 10, 2, 5, 0, time.UTC)

// States are all states in the order in which an incident may meet them.
var States = []incident.State{
	incident.Open, incident.Planned, incident.AwaitingApproval, incident.VetoWindow, incident.Approved,
	incident.Executing, incident.Verifying, incident.Recovered, incident.NotRecovered, incident.Denied,
	incident.Expired, incident.Superseded, incident.AbortedDrift, incident.Unverified, incident.Failed,
	incident.UnknownState,
}

// Update is a record that has just brought the sample incident into a state. Its
// revision is the state's place in States, from 1.
func Update(state incident.State) notify.Update {
	inc := Incident(state)
	at := Start.Add(time.Duration(inc.Revision) * time.Second)
	return notify.Update{
		Target: inc.Target, Incident: &inc, At: at, Latest: true,
		Entries: []incident.Entry{{
			At: at, Kind: string(state), Incident: inc.ID, Revision: inc.Revision,
			By: "ripcord", Text: "the incident is " + string(state) + " now",
		}},
	}
}

// Incident is the sample incident as it stands in a state.
func Incident(state incident.State) incident.Incident {
	inc := incident.Incident{
		ID: "fraud-scorer-3", Target: "fraud-scorer", Version: "v42", To: "v41", State: state,
		Mode: rules.Approve, Ceiling: "the target's own mode is approve",
		Rule: "blocks-legit-customers", Trigger: "performance_degradation", Severity: "critical",
		Decisions: []rules.Decision{Decision()}, Opened: Start,
	}
	for i, s := range States {
		if s == state {
			inc.Revision = i + 1
		}
	}
	if state == incident.Open {
		return inc
	}
	plan := Plan()
	inc.Plan, inc.Planned = &plan, Start.Add(time.Second)
	settle(&inc)
	return inc
}

// settle fills in what a planned incident has gathered by the time of its state.
func settle(inc *incident.Incident) {
	yes := incident.Approval{By: incident.Person{Name: "ana", Via: "slack"}, At: Start.Add(6 * time.Second), Digest: inc.Plan.Digest}
	switch inc.State {
	case incident.Open, incident.Planned:
		return
	case incident.AwaitingApproval:
		inc.Deadline = Start.Add(15 * time.Minute)
		return
	case incident.VetoWindow:
		inc.Deadline, inc.Mode = Start.Add(5*time.Minute), rules.Veto
		return
	case incident.Denied:
		yes.Deny, yes.Note = true, "the numbers are a test run"
		inc.Approvals, inc.Ended, inc.Verdict = []incident.Approval{yes}, yes.At, "denied by ana"
		return
	case incident.Expired, incident.Superseded:
		inc.Ended = Start.Add(15 * time.Minute)
		return
	case incident.Approved, incident.Executing, incident.Verifying, incident.Recovered, incident.NotRecovered,
		incident.AbortedDrift, incident.Unverified, incident.Failed, incident.UnknownState:
	}
	inc.Approvals, inc.Approved = []incident.Approval{yes}, yes.At
	if inc.State == incident.Approved {
		return
	}
	inc.Exec = &incident.Exec{Step: 1, Attempt: 2, Epoch: 7, Started: Start.Add(7 * time.Second)}
	if inc.State == incident.Executing {
		return
	}
	inc.Moved, inc.Exec.Done = Start.Add(9*time.Second), true
	inc.Verify = &incident.Verify{Since: inc.Moved, Still: rules.Unknown, Reason: "12 of 100 samples of v41"}
	if inc.State == incident.Verifying {
		return
	}
	inc.Ended = Start.Add(40 * time.Second)
	inc.Verdict = "v41 blocks 2.1 % of 140 payments, v42 blocked 41.2 % of 301"
}

// Decision is the evidence of the sample incident.
func Decision() rules.Decision {
	return rules.Decision{
		ID: "d1", At: Start, Episode: Start.Add(-20 * time.Second), Rule: "blocks-legit-customers", Group: "fraud-scorer",
		Trigger: "performance_degradation", Severity: "critical", Mode: rules.Auto, Target: "fraud-scorer",
		Version: "v42", Previous: "v41", Confirmed: true,
		Summary:  "fraud-scorer v42 blocks 41.2 % of payments",
		Runbook:  "docs/runbooks/fraud.md",
		RuleHash: "sha256:9f8e", File: "fraud.rules.yml", Commit: "1a2b3c4d5e6f7890",
		Evidence: rules.Evidence{
			Reason: "41.2 % of 301 decisions of v42 are block, against 2.0 % of 912 of v41 (log e 31.5, fires at 9.9)",
			Slots: []rules.Reading{{
				Call: `seq_share(predictions, decision == "block", {margin: 1.5})`, Value: 0.412, N: 301,
				Previous: 0.02, NPrev: 912, Limit: 0.03, Low: 0.356, High: 0.469, LogE: 31.5, Need: 9.9,
			}},
			Values: map[string]rules.Scalar{"blocked": {Value: 0.412}, "score_p50": {State: rules.Insufficient}},
		},
	}
}

// Plan is the sample incident's sealed plan of two steps.
func Plan() actions.Plan {
	plan := actions.Plan{
		Target: "fraud-scorer", Incident: "fraud-scorer-3", Stage: "artifact", From: "v42", To: "v41",
		Expires: Start.Add(time.Hour),
		Steps: []actions.Step{
			{
				ID: "artifact/0", Kind: "files/link", Place: "/srv/fraud/current", Class: actions.ClassA,
				From: actions.Revision{Rev: "releases/v42"}, To: actions.Revision{Rev: "releases/v41"},
				Text: "point /srv/fraud/current at releases/v41",
			},
			{
				ID: "artifact/1", Kind: "mlflow/alias", Place: "fraud@champion", Class: actions.ClassA,
				From: actions.Revision{Rev: "42"}, To: actions.Revision{Rev: "41"},
				Text: "set alias champion of fraud to version 41",
			},
		},
	}
	plan.Seal()
	return plan
}
