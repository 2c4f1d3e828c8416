package incident

import (
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/rules"
)

// input makes the input of a line.
func (s *story) input(w words) Input {
	inc := s.target.Incident
	id := ""
	step, attempt := 0, 0
	if inc != nil {
		id = inc.ID
		if inc.Exec != nil {
			step, attempt = inc.Exec.Step, inc.Exec.Attempt
		}
	}
	id, step, attempt = w.text("incident", id), w.number("step", step), w.number("attempt", attempt)
	switch w.d.Cmd {
	case "decide":
		return Decide{Decision: s.decision(w)}
	case "resolve":
		return Resolve{Verdict: rules.Verdict{At: s.now, Rule: w.text("rule", "blocks"), Target: "fraud", Version: w.text("version", "v42"), State: rules.Resolved, Reason: "share 2 % of limit 15 %"}}
	case "recover":
		return Recover{Recovery: s.recovery(w)}
	case "release":
		return Released{Version: w.text("version", ""), Previous: w.text("previous", ""), At: s.now.Add(-w.span("ago", 0)), Actor: w.text("actor", ""), Commit: w.text("commit", ""), Known: -1}
	case "look":
		return s.look(w)
	case "plan":
		return PlanMade{Plan: s.plan(w)}
	case "plan-failed":
		return PlanFailed{Code: actions.Code(w.text("code", "permanent")), Text: w.text("text", "no such revision")}
	case "executed":
		return Executed{Incident: id, Step: step, Attempt: attempt}
	case "failed":
		return ExecuteFailed{Incident: id, Step: step, Attempt: attempt, Code: actions.Code(w.text("code", "")), Text: w.text("text", "connection refused")}
	case "checked":
		return Checked{Incident: id, Step: step, Verdict: actions.Verdict{Place: actions.Place(w.d.CmdArgs[0].Key), Seen: actions.Revision{Rev: w.text("seen", "")}}}
	case "check-failed":
		return CheckFailed{Incident: id, Step: step, Text: w.text("text", "no route to host")}
	case "restart":
		return Restarted{Same: !w.has("other")}
	case "tick":
		s.now = s.now.Add(w.step())
		return Tick{}
	}
	return s.asked(w, id)
}

// asked makes the inputs that people send.
func (s *story) asked(w words, id string) Input {
	by, reason := w.person(), w.text("reason", "")
	digest, revision := "", 0
	if inc := s.target.Incident; inc != nil && inc.Plan != nil {
		digest, revision = inc.Plan.Digest, inc.Revision
	}
	digest, revision = w.text("digest", digest), w.number("revision", revision)
	switch w.d.Cmd {
	case "approve":
		return Approve{Incident: id, By: by, Digest: digest, Revision: revision, Note: w.text("note", "")}
	case "deny":
		return Deny{Incident: id, By: by, Digest: digest, Revision: revision, Note: w.text("note", "")}
	case "rollback":
		return Rollback{By: by, To: w.text("to", ""), Reason: reason}
	case "close":
		return Close{Incident: id, By: by, Reason: reason}
	case "retry":
		return Retry{Incident: id, By: by}
	case "freeze":
		until := time.Time{}
		if d := w.span("for", 0); d != 0 {
			until = s.now.Add(d)
		}
		return SetFreeze{By: by, Until: until, Reason: reason}
	case "unfreeze":
		return Unfreeze{By: by, Reason: reason}
	case "quarantine":
		return Quarantine{By: by, Version: w.text("version", ""), Reason: reason}
	case "lift":
		return Lift{By: by, Version: w.text("version", ""), Reason: reason}
	case "posted":
		return Posted{Incident: id, Notifier: w.text("notifier", "slack"), Post: Post{Channel: "C1", TS: "1.2", Revision: w.number("shows", s.target.Incident.Revision)}}
	}
	w.t.Fatalf("%s: nobody knows the event %q", w.d.Pos, w.d.Cmd)
	return nil
}

func (s *story) decision(w words) rules.Decision {
	rule, version := w.text("rule", "blocks"), w.text("version", "v42")
	d := rules.Decision{
		ID: w.text("id", rule+"@"+version), At: s.now.Add(-w.span("age", 0)), Rule: rule, Trigger: "error_rate", Severity: "critical",
		Mode: rules.Auto, Target: w.text("target", "fraud"), Version: version, Confirmed: !w.has("unconfirmed"),
		Evidence: rules.Evidence{Reason: w.text("reason", "share 41 % of limit 15 %"), Newest: s.now.Add(-w.span("evidence-age", 0))},
	}
	if err := d.Mode.UnmarshalText([]byte(w.text("mode", "auto"))); err != nil {
		w.t.Fatal(err)
	}
	if !d.Confirmed {
		d.Confirmation = "no live arm of v41"
	}
	return d
}

func (s *story) recovery(w words) rules.Recovery {
	var still rules.Truth
	if err := still.UnmarshalText([]byte(w.d.CmdArgs[0].Key)); err != nil {
		w.t.Fatal(err)
	}
	reason := map[rules.Truth]string{rules.True: "share 40 %", rules.False: "share 2 %", rules.Unknown: "9 of 100 samples"}[still]
	return rules.Recovery{At: s.now, Rule: w.text("rule", "blocks"), Target: "fraud", Bad: "v42", Version: w.text("version", "v41"), Still: still, Reason: reason}
}

func (s *story) look(w words) Looked {
	live := w.text("live", "v42")
	in := Looked{Step: w.text("place", "artifact/0"), Sight: actions.Sight{Live: actions.Seen{
		Version: live, Revision: actions.Revision{Rev: w.text("rev", "rev-"+live)},
	}}}
	for i, version := range w.list("earlier") {
		in.Sight.Earlier = append(in.Sight.Earlier, actions.Seen{
			Version: version, Revision: actions.Revision{Rev: "rev-" + version}, Since: s.now.Add(-time.Duration(i+1) * 24 * time.Hour),
		})
	}
	return in
}

// plan is the world's answer to the last MakePlan.
func (s *story) plan(w words) actions.Plan {
	ask := s.want
	stage := s.policy.Stages[ask.Stage]
	p := actions.Plan{
		Target: "fraud", Incident: ask.Incident, Stage: stage.Name, From: ask.From, To: ask.To, Expires: s.now.Add(w.span("expires", time.Hour)),
	}
	for _, ref := range stage.Steps {
		to := actions.Revision{Rev: "rev-" + ask.To}
		if known, ok := ask.Revisions[ref.ID]; ok {
			to = known
		}
		p.Steps = append(p.Steps, actions.Step{
			ID: ref.ID, Kind: ref.Kind, Place: w.text("place", "prod/fraud"), From: actions.Revision{Rev: "rev-" + ask.From}, To: to,
			Class: actions.Class(w.text("class", "A")), Text: "move",
		})
	}
	if w.has("empty") {
		p.Steps = nil
	}
	if w.has("to") {
		p.To = w.text("to", "")
	}
	p.Seal()
	return p
}
