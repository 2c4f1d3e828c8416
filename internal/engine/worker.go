package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers"
)

// Worker owns the evaluator: it feeds the log to it, message by message, and
// brings what the rules say to the targets' loops. A message is done when the
// records of all that it caused are in the journal.
type Worker struct {
	engine *Engine

	// Only Handle's goroutine knows these: the arms were seeded from the ledger;
	// nothing live was fed yet.
	seeded, warming bool

	mu   sync.Mutex // guards eval; the API and reloads look in from outside
	eval *rules.Evaluator
}

// NewWorker makes the worker of an engine. What it replays before the first live
// message only warms the windows.
func NewWorker(e *Engine, eval *rules.Evaluator) *Worker {
	return &Worker{engine: e, eval: eval, warming: true}
}

// Handle feeds one message. An error means that it must come again.
func (w *Worker) Handle(ctx context.Context, at time.Time, events []triggers.Event, replay bool) error {
	if !w.seeded {
		if err := w.seed(ctx, at); err != nil {
			return err
		}
		w.seeded = true
	}
	out := w.feed(at, events)
	if replay {
		return nil
	}
	if w.warming {
		if err := w.warmed(ctx); err != nil {
			return err
		}
		w.warming = false
	}
	for _, ev := range events {
		if ev.Type == triggers.TypeRelease {
			if err := w.released(ctx, ev); err != nil {
				return err
			}
		}
	}
	return w.submit(ctx, out)
}

// seed tells the rules which version of each target was live before the first
// message of the log that is read: releases older than the warm-up are in the
// ledger only.
func (w *Worker) seed(ctx context.Context, at time.Time) error {
	for _, target := range w.engine.Names() {
		state, err := w.engine.Target(ctx, target)
		if err != nil {
			return err
		}
		policy, _ := w.engine.Policy(target)
		if ev, ok := releasedBefore(state, policy, at); ok {
			w.feed(at, []triggers.Event{ev})
		}
	}
	return nil
}

// releasedBefore is the release event of the version that was live at that time,
// when it is the one that still is.
func releasedBefore(s incident.Target, p incident.Policy, at time.Time) (triggers.Event, bool) {
	current := s.Current()
	if current == nil || !current.Since.Before(at) {
		return triggers.Event{}, false
	}
	previous := ""
	if good, _, ok := s.KnownGood(current.Version, p, current.Since); ok {
		previous = good.Version
	}
	return triggers.Event{
		ID: "ledger/" + s.Name + "/" + current.Version, Source: "ripcord", Type: triggers.TypeRelease, Target: s.Name,
		Version: current.Version, Time: current.Since,
		Fields: triggers.MakeFields(map[string]any{"previous": previous, "actor": "ripcord"}),
	}, true
}

func (w *Worker) feed(at time.Time, events []triggers.Event) rules.Output {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.eval.Feed(at, events)
}

// warmed ends the warm-up: a rule that fires now, on fresh evidence, decides
// once. A decision that the journal knows is no news to it.
func (w *Worker) warmed(ctx context.Context) error {
	for _, target := range w.engine.Names() {
		for _, d := range w.Holds(target) {
			if err := w.send(ctx, target, incident.Decide{Decision: d}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Worker) submit(ctx context.Context, out rules.Output) error {
	for _, v := range out.Verdicts {
		w.engine.cfg.Logger.Debug().Str("rule", v.Rule).Str("target", v.Target).Str("version", v.Version).
			Str("state", string(v.State)).Msg(v.Reason)
		if v.State == rules.Resolved {
			if err := w.send(ctx, v.Target, incident.Resolve{Verdict: v}); err != nil {
				return err
			}
		}
	}
	for _, d := range out.Decisions {
		w.engine.metrics.decisions.WithLabelValues(d.Trigger).Inc()
		if err := w.send(ctx, d.Target, incident.Decide{Decision: d}); err != nil {
			return err
		}
	}
	for _, r := range out.Recoveries {
		if !w.awaited(ctx, r) {
			continue
		}
		if err := w.send(ctx, r.Target, incident.Recover{Recovery: r}); err != nil {
			return err
		}
	}
	return nil
}

// awaited tells whether an incident waits for what the rules say after its act.
func (w *Worker) awaited(ctx context.Context, r rules.Recovery) bool {
	state, err := w.engine.Target(ctx, r.Target)
	return err != nil || state.Incident != nil && state.Incident.State == incident.Verifying
}

// released brings a release event of the log to the ledger.
func (w *Worker) released(ctx context.Context, ev triggers.Event) error {
	known := -1.0
	if state, err := w.engine.Target(ctx, ev.Target); err == nil {
		if current := state.Current(); current != nil {
			known = w.Known(ev.Target, current.Version)
		}
	}
	return w.send(ctx, ev.Target, incident.Released{
		Version: ev.Version, Previous: ev.Fields.Text("previous"), At: ev.Time,
		Actor: ev.Fields.Text("actor"), Commit: ev.Fields.Text("commit"), Known: known,
	})
}

// send submits an input and takes a refusal for an answer: what a rule says is
// never asked back.
func (w *Worker) send(ctx context.Context, target string, in incident.Input) error {
	_, err := w.engine.Submit(ctx, target, in)
	var refused *incident.Refused
	if errors.As(err, &refused) || errors.Is(err, ErrNoTarget) {
		w.engine.cfg.Logger.Warn().Str("target", target).Msg(err.Error())
		return nil
	}
	return err
}

// Holds are the decisions of a target that hold now.
func (w *Worker) Holds(target string) []rules.Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.eval.Firing(target)
}

// Known is the share of a version's evaluations that were not UNKNOWN.
func (w *Worker) Known(target, version string) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.eval.Known(target, version)
}

// Snapshot is what each rule of a target says now.
func (w *Worker) Snapshot(target string) []rules.RuleView {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.eval.Snapshot(target)
}

// Next is the next boundary at which time alone can change something.
func (w *Worker) Next() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.eval.Next()
}

// Counters are the evaluator's own.
func (w *Worker) Counters() rules.Counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.eval.Counters()
}

// Swap puts other rules in place; unchanged slots keep their windows.
func (w *Worker) Swap(set *rules.Set) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.eval.Swap(set)
}
