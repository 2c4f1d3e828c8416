package ruletest

import (
	"fmt"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers"
)

// desk plays the daemon's judgement for one target, with the default guards and
// mode auto as the target's ceiling: acts succeed at once, nobody answers
// questions. What the events after an act say is then counterfactual: they are of
// a version that would have been gone.
type desk struct {
	policy incident.Policy
	state  incident.Target
}

// stepID is the one step of the one stage that the desk has.
const stepID = "backtest/0"

func newDesk(target string) *desk {
	return &desk{
		state: incident.Target{Name: target},
		policy: incident.Policy{
			Target: target, Mode: rules.Auto, Quorum: 1, Expires: 15 * time.Minute, Veto: 5 * time.Minute, Attribution: 72 * time.Hour,
			Stages: []incident.Stage{{
				Name: "backtest", Stable: time.Minute, Within: 5 * time.Minute,
				Steps: []incident.StepRef{{ID: stepID, Kind: "backtest", Timeout: time.Minute}},
			}},
			Guards: incident.Guards{
				Cooldown: 30 * time.Minute, PerTarget: incident.Rate{N: 2, Per: 24 * time.Hour},
				MaxEventAge: 2 * time.Minute, KnownGoodAfter: time.Hour,
			},
		},
	}
}

func (d *desk) current() string {
	if r := d.state.Current(); r != nil {
		return r.Version
	}
	return ""
}

func (d *desk) release(at time.Time, ev triggers.Event, known float64) {
	d.step(at, incident.Released{
		Version: ev.Version, Previous: ev.Fields.Text("previous"), At: at,
		Actor: ev.Fields.Text("actor"), Commit: ev.Fields.Text("commit"), Known: known,
	})
}

func (d *desk) resolve(v rules.Verdict) { d.step(v.At, incident.Resolve{Verdict: v}) }

// decide brings a decision before the guards and tells what came of it.
func (d *desk) decide(dec rules.Decision) Decision {
	line := Decision{
		Kind: "decision", ID: dec.ID, At: dec.At, Rule: dec.Rule, Target: dec.Target, Version: dec.Version,
		Reason: dec.Evidence.Reason, Values: dec.Evidence.Values, Episode: dec.Episode,
	}
	if dec.Version == "" {
		line.Guard = "no release of " + dec.Target + " is known: there is nothing to go back from"
		return line
	}
	before := d.state.Incident
	d.step(dec.At, incident.Decide{Decision: dec, World: incident.World{Granted: true}})
	for _, answered := range d.state.Decided {
		if answered.ID == dec.ID {
			line.Guard = answered.Held
		}
	}
	inc := d.state.Incident
	if line.Guard != "" || inc == nil {
		return line
	}
	line.To = inc.To
	line.WouldAct = !inc.Approved.IsZero() && (before == nil || before.ID != inc.ID || before.Approved.IsZero())
	switch {
	case line.WouldAct:
	case before != nil && before.ID == inc.ID:
		line.Guard = orText(inc.Ceiling, "it joined "+inc.ID)
	default:
		line.Guard = orText(inc.Ceiling, orText(inc.Verdict, fmt.Sprintf("it asks: its mode is %s", inc.Mode)))
	}
	return line
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// step lets deadlines pass, takes the input, and lets every effect succeed.
func (d *desk) step(now time.Time, in incident.Input) {
	for range maxTicks {
		due := d.state.Deadline()
		if due.IsZero() || due.After(now) || !d.take(due, incident.Tick{}) {
			break
		}
	}
	d.take(now, in)
}

// maxTicks bounds the deadlines between two inputs: an incident has a handful.
const maxTicks = 100

// take gives one input to the state machine and answers its effects; false when
// nothing changed.
func (d *desk) take(now time.Time, in incident.Input) bool {
	out, err := d.policy.Step(d.state, in, now)
	if err != nil || len(out.Entries) == 0 {
		return false
	}
	d.state = out.State
	for _, effect := range out.Effects {
		if answer := d.answer(effect); answer != nil {
			d.take(now, answer)
		}
	}
	return true
}

func (d *desk) answer(effect incident.Effect) incident.Input {
	switch e := effect.(type) {
	case incident.MakePlan:
		plan := actions.Plan{
			Target: d.policy.Target, Incident: e.Incident, Stage: d.policy.Stages[e.Stage].Name, From: e.From, To: e.To,
			Steps: []actions.Step{{
				ID: stepID, Kind: "backtest", Class: actions.ClassA, From: actions.Revision{Rev: e.From}, To: actions.Revision{Rev: e.To},
			}},
		}
		plan.Seal()
		return incident.PlanMade{Plan: plan, World: incident.World{Granted: true}}
	case incident.Execute:
		return incident.Executed{Incident: e.Incident, Step: e.Step, Attempt: e.Attempt.N}
	case incident.Check:
		return incident.Checked{Incident: e.Incident, Step: e.Step, Verdict: actions.Verdict{Place: actions.AtTo}, World: incident.World{Granted: true}}
	case incident.Announce, incident.Reconsider:
	}
	return nil
}
