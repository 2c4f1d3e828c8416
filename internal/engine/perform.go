package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/crashpoint"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/triggers"
)

// Limits of the calls that change nothing.
const (
	planTimeout = 30 * time.Second
	lookTimeout = 20 * time.Second
	planExpires = time.Hour
)

// perform starts the effects of a record that is in the journal.
func (l *loop) perform(ctx context.Context, effects []incident.Effect) {
	for _, effect := range effects {
		l.work.Go(func() { l.do(ctx, effect) })
	}
}

func (l *loop) do(ctx context.Context, effect incident.Effect) {
	if ctx.Err() != nil {
		return // nothing new begins after the end
	}
	switch e := effect.(type) {
	case incident.MakePlan:
		l.plan(ctx, e)
	case incident.Execute:
		l.execute(ctx, e)
	case incident.Check:
		l.check(ctx, e)
	case incident.Announce:
		l.announce(ctx, e)
	case incident.Reconsider:
		l.reconsider(ctx, e)
	}
}

// action is the configured action of a step. A step that was planned under an
// older configuration may have none any more.
func (l *loop) action(step string) (actions.Action, error) {
	a, ok := l.engine.cfg.Actions[l.name][step]
	if !ok {
		return nil, actions.Errorf(actions.Permanent, "step %s is not configured any more: put it back into the target's stages", step)
	}
	return a, nil
}

// plan asks every step of the stage and seals the plan.
func (l *loop) plan(life context.Context, e incident.MakePlan) {
	ctx, cancel := context.WithTimeout(life, planTimeout)
	defer cancel()
	plan, err := l.makePlan(ctx, e)
	switch {
	case life.Err() != nil: // shutting down: the plan is made anew at the next start
	case err != nil:
		l.engine.metrics.planFailures.Inc()
		l.post(life, incident.PlanFailed{Code: actions.CodeOf(err), Text: err.Error()})
	default:
		l.post(life, incident.PlanMade{Plan: plan})
	}
}

func (l *loop) makePlan(ctx context.Context, e incident.MakePlan) (actions.Plan, error) {
	stage := l.policy.Stages[e.Stage]
	plan := actions.Plan{
		Target: l.name, Incident: e.Incident, Stage: stage.Name, From: e.From, To: e.To,
		Expires: time.Now().UTC().Add(planExpires).Truncate(time.Second),
	}
	for _, ref := range stage.Steps {
		action, err := l.action(ref.ID)
		if err != nil {
			return plan, err
		}
		step, err := action.Plan(ctx, actions.Request{
			Target: l.name, Incident: e.Incident, StepID: ref.ID, To: e.To, ToRev: e.Revisions[ref.ID],
		})
		if err != nil {
			return plan, fmt.Errorf("plan step %s: %w", ref.ID, err)
		}
		plan.Steps = append(plan.Steps, step)
	}
	plan.Seal()
	return plan, nil
}

// execute makes one attempt. The intent is in the journal; the switches are read
// once more, because the journal's write took time.
func (l *loop) execute(ctx context.Context, e incident.Execute) {
	crashpoint.Hit("exec.after_intent")
	step := e.Plan.Steps[e.Step]
	result := func(err error) {
		if err == nil {
			l.post(ctx, incident.Executed{Incident: e.Incident, Step: e.Step, Attempt: e.Attempt.N})
			return
		}
		l.post(ctx, incident.ExecuteFailed{
			Incident: e.Incident, Step: e.Step, Attempt: e.Attempt.N, Code: actions.CodeOf(err), Text: err.Error(),
		})
	}
	if frozen := l.engine.frozen(ctx); frozen != "" {
		result(actions.Errorf(actions.Retry, "%s", frozen))
		return
	}
	action, err := l.action(step.ID)
	if err != nil {
		result(err)
		return
	}
	e.Attempt.Token.Incarnation = l.engine.cfg.Incarnation
	began := time.Now()
	// A shutdown does not tear a running call: it has its own deadline.
	call, cancel := context.WithDeadline(context.WithoutCancel(ctx), e.Attempt.Deadline)
	defer cancel()
	err = action.Execute(call, step, e.Attempt)
	l.engine.metrics.executions.WithLabelValues(step.Kind, outcome(err)).Observe(time.Since(began).Seconds())
	result(err)
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return string(actions.CodeOf(err))
}

// check asks where a step's place stands.
func (l *loop) check(ctx context.Context, e incident.Check) {
	if e.After > 0 && !pause(ctx, e.After) {
		return
	}
	step := e.Plan.Steps[e.Step]
	action, err := l.action(step.ID)
	if err == nil {
		var verdict actions.Verdict
		call, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		if verdict, err = action.Verify(call, step); err == nil {
			l.post(ctx, incident.Checked{Incident: e.Incident, Step: e.Step, Verdict: verdict})
			return
		}
	}
	l.post(ctx, incident.CheckFailed{Incident: e.Incident, Step: e.Step, Text: err.Error()})
}

// announce puts the release event of our own act into the log, so that the rules
// change their arms. It tries until the log has it.
func (l *loop) announce(ctx context.Context, e incident.Announce) {
	fields := map[string]any{"previous": e.Previous, "actor": "ripcord", "incident": e.Incident}
	if e.Quarantined != "" {
		fields["quarantined"] = e.Quarantined
	}
	event := triggers.Event{
		ID: e.Incident + "/" + e.Version, Source: "ripcord", Type: triggers.TypeRelease, Target: l.name,
		Version: e.Version, Time: time.Now().UTC(), Fields: triggers.MakeFields(fields),
	}
	for {
		err := l.engine.cfg.Announce(ctx, event)
		if err == nil {
			return
		}
		l.log.Warn().Err(err).Str("version", e.Version).Msg("announce the release")
		if !pause(ctx, time.Second) {
			return
		}
	}
}

// reconsider asks the rules again once a guard may have let go.
func (l *loop) reconsider(ctx context.Context, e incident.Reconsider) {
	if wait := time.Until(e.At); wait > 0 && !pause(ctx, wait) {
		return
	}
	for _, decision := range l.engine.cfg.Holds(l.name) {
		l.post(ctx, incident.Decide{Decision: decision})
	}
}

// look asks the identity step for the live revision, in the background.
func (l *loop) look(ctx context.Context) {
	step, ok := l.engine.cfg.Identity[l.name]
	if !ok {
		return
	}
	l.work.Go(func() {
		action, err := l.action(step)
		if err != nil {
			return
		}
		call, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		sight, err := action.Look(call)
		if err != nil {
			if ctx.Err() == nil {
				l.log.Warn().Err(err).Str("step", step).Msg("look at the live revision")
			}
			return
		}
		l.post(ctx, incident.Looked{Step: step, Sight: sight})
	})
}
