// Package engine is the only loop: it persists, then acts, then feeds the results
// back.
//
// Each target has one goroutine that owns its state. It takes one input at a
// time, asks incident.Step what follows, writes the answer to the journal by
// compare-and-set, and only then performs the effects, each in a goroutine of its
// own whose result returns as an input. Nothing is known to the loop that the
// journal does not know: after a crash it reads the last record and goes on.
package engine

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers"
)

// Config is what an Engine works with. Every field but Reconsider, Switch and
// Registerer is needed.
type Config struct {
	Journal  journal.Journal
	Policies map[string]incident.Policy
	// Actions are the configured steps of each target, by step id.
	Actions map[string]map[string]actions.Action
	// Identity is the step of each target whose Look is the truth of the ledger.
	Identity map[string]string
	// Announce puts a release event into the events stream.
	Announce func(context.Context, triggers.Event) error
	// Holds asks the rules which decisions hold now.
	Holds func(target string) []rules.Decision
	// Known asks them which share of a version's evaluations was not UNKNOWN.
	Known func(target, version string) float64
	// Switch is the local switch: a sentence when it is engaged.
	Switch func() string
	// Fuse limits how many rollbacks the fleet may begin in a while.
	Fuse incident.Rate
	// Incarnation names the store: fencing epochs of another one mean nothing.
	Incarnation string
	Writer      string
	// LookEvery is how often the live revision is looked at; 0 means 30 s.
	LookEvery  time.Duration
	Logger     zerolog.Logger
	Registerer prometheus.Registerer
}

// Engine runs the loops of all targets.
type Engine struct {
	cfg     Config
	loops   map[string]*loop
	metrics *metrics
}

// ErrNoTarget says that no such target is configured.
var ErrNoTarget = errors.New("no such target is configured")

// New makes an engine; it does not touch the journal.
func New(cfg Config) *Engine {
	if cfg.LookEvery == 0 {
		cfg.LookEvery = 30 * time.Second
	}
	if cfg.Switch == nil {
		cfg.Switch = func() string { return "" }
	}
	if cfg.Holds == nil {
		cfg.Holds = func(string) []rules.Decision { return nil }
	}
	if cfg.Known == nil {
		cfg.Known = func(string, string) float64 { return -1 }
	}
	e := &Engine{cfg: cfg, loops: make(map[string]*loop), metrics: newMetrics(cfg.Registerer)}
	for name, policy := range cfg.Policies {
		e.loops[name] = newLoop(e, name, policy)
	}
	return e
}

// Run runs every target's loop until ctx ends. Calls that are under way then are
// cancelled; what they did is found out at the next start.
func (e *Engine) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range e.Names() {
		l := e.loops[name]
		group.Go(func() error { return l.run(ctx) })
	}
	return group.Wait()
}

// Ready reports the targets whose state has not been read yet, or can not be
// acted on.
func (e *Engine) Ready() error {
	var problems []error
	for _, name := range e.Names() {
		if err := e.loops[name].ready(); err != nil {
			problems = append(problems, fmt.Errorf("target %s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// Names lists the configured targets, sorted.
func (e *Engine) Names() []string {
	names := make([]string, 0, len(e.loops))
	for name := range e.loops {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Policy is the policy of a target.
func (e *Engine) Policy(name string) (incident.Policy, bool) {
	p, ok := e.cfg.Policies[name]
	return p, ok
}

// Target is the target's state as of its last record.
func (e *Engine) Target(ctx context.Context, name string) (incident.Target, error) {
	l, ok := e.loops[name]
	if !ok {
		return incident.Target{}, fmt.Errorf("%s: %w", name, ErrNoTarget)
	}
	return l.current(ctx)
}

// Submit hands an input to the target's loop and waits until its record is in the
// journal. An *incident.Refused error means that nothing has changed; an error
// that is journal.ErrUnavailable, that nobody can say yet.
func (e *Engine) Submit(ctx context.Context, target string, in incident.Input) (incident.Outcome, error) {
	l, ok := e.loops[target]
	if !ok {
		return incident.Outcome{}, fmt.Errorf("%s: %w", target, ErrNoTarget)
	}
	return l.submit(ctx, in)
}
