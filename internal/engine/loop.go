package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/internal/crashpoint"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
)

// loop owns one target's state. Only its goroutine touches head and state.
type loop struct {
	engine *Engine
	name   string
	policy incident.Policy
	log    zerolog.Logger
	inputs chan request
	head   journal.Head
	state  incident.Target
	work   sync.WaitGroup // effects under way
	// unsure: a record may be in the journal whose effects were never begun. What
	// it asked for is found out as after a restart.
	unsure bool

	mu     sync.Mutex
	seen   incident.Target // a copy of state for readers
	status error           // nil once the state has been read and may be acted on
}

// request is one input and where its outcome goes; reply is nil for results of
// effects, which are held until the journal takes them.
type request struct {
	in    incident.Input
	reply chan<- response
}

type response struct {
	out incident.Outcome
	err error
}

var errStarting = errors.New("its state has not been read yet")

func newLoop(e *Engine, name string, p incident.Policy) *loop {
	return &loop{
		engine: e, name: name, policy: p,
		log:    e.cfg.Logger.With().Str("target", name).Logger(),
		inputs: make(chan request, 64),
		status: errStarting,
	}
}

// run reads the last record and then takes inputs until ctx ends.
func (l *loop) run(ctx context.Context) error {
	defer l.drain(ctx)
	if err := l.load(ctx); err != nil {
		return nil // ctx ended
	}
	l.settle(ctx, incident.Restarted{Same: true})
	l.look(ctx)
	looks := time.NewTicker(l.engine.cfg.LookEvery)
	defer looks.Stop()
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	ticked := time.Time{}
	for {
		l.arm(due, ticked)
		select {
		case <-ctx.Done():
			return nil
		case r := <-l.inputs:
			l.serve(ctx, r)
		case ticked = <-due.C:
			l.settle(ctx, incident.Tick{})
		case <-looks.C:
			l.look(ctx)
		}
	}
}

// drain lets calls that are under way end and writes down what they did. Nothing
// new begins: ctx has ended.
func (l *loop) drain(ctx context.Context) {
	crashpoint.Hit("shutdown.mid_drain")
	idle := make(chan struct{})
	go func() {
		l.work.Wait()
		close(idle)
	}()
	for {
		select {
		case r := <-l.inputs:
			l.record(ctx, r)
		case <-idle:
			for len(l.inputs) > 0 {
				l.record(ctx, <-l.inputs)
			}
			return
		}
	}
}

// record writes one late result, and turns questions away.
func (l *loop) record(ctx context.Context, r request) {
	if r.reply != nil {
		r.reply <- response{err: fmt.Errorf("%w: shutting down", journal.ErrUnavailable)}
		return
	}
	const grace = 5 * time.Second
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if _, err := l.commit(late, ctx, r.in); err != nil {
		l.log.Warn().Err(err).Str("input", fmt.Sprintf("%T", r.in)).Msg("not recorded before the end; found out at the next start")
	}
}

// arm sets the timer to the state's next deadline, but not sooner than a breath
// after the last tick: a deadline that Step leaves standing must not spin.
func (l *loop) arm(due *time.Timer, ticked time.Time) {
	at := l.state.Deadline()
	if at.IsZero() {
		due.Stop()
		return
	}
	const breath = 100 * time.Millisecond
	due.Reset(max(time.Until(at), time.Until(ticked.Add(breath))))
}

// load reads the last record, again and again while the journal is away.
func (l *loop) load(ctx context.Context) error {
	for {
		err := l.reload(ctx)
		if err == nil {
			return nil
		}
		l.setStatus(err)
		l.log.Warn().Err(err).Msg("read the target's state")
		if !pause(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

func (l *loop) reload(ctx context.Context) error {
	head, err := l.engine.cfg.Journal.Head(ctx, l.name)
	if err != nil {
		return err
	}
	state := incident.Target{Name: l.name}
	if head.Revision > 0 {
		if err := json.Unmarshal(head.Record.State, &state); err != nil {
			return fmt.Errorf("read state of %s at revision %d: %w", l.name, head.Revision, err)
		}
	}
	l.adopt(head, state)
	if head.Record.MinReader > journal.Schema {
		l.setStatus(journal.ErrTooNew)
	}
	return nil
}

// adopt makes head and state the present.
func (l *loop) adopt(head journal.Head, state incident.Target) {
	l.head, l.state = head, state
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen, l.status = state, nil
}

func (l *loop) setStatus(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = err
}

func (l *loop) ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// current is the state as of the last record that this process knows.
func (l *loop) current(context.Context) (incident.Target, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.status, errStarting) {
		return incident.Target{}, fmt.Errorf("%w: %w", journal.ErrUnavailable, errStarting)
	}
	return l.seen, nil
}

// submit waits for the loop's answer.
func (l *loop) submit(ctx context.Context, in incident.Input) (incident.Outcome, error) {
	reply := make(chan response, 1)
	select {
	case l.inputs <- request{in: in, reply: reply}:
	case <-ctx.Done():
		return incident.Outcome{}, fmt.Errorf("%w: %w", journal.ErrUnavailable, ctx.Err())
	}
	select {
	case r := <-reply:
		return r.out, r.err
	case <-ctx.Done():
		return incident.Outcome{}, fmt.Errorf("%w: %w", journal.ErrUnavailable, ctx.Err())
	}
}

// post brings the result of an effect. It is dropped only when ctx has ended and
// the loop does not take it; the next start then finds out what happened.
func (l *loop) post(ctx context.Context, in incident.Input) {
	select {
	case l.inputs <- request{in: in}:
		return
	default:
	}
	select {
	case l.inputs <- request{in: in}:
	case <-ctx.Done():
	}
}

func (l *loop) serve(ctx context.Context, r request) {
	if r.reply == nil {
		l.settle(ctx, r.in)
		return
	}
	out, err := l.apply(ctx, r.in)
	r.reply <- response{out, err}
}

// settle applies an input that must not be lost: while the journal is away it is
// held and tried again. A repeated input does no harm, because Step knows it.
func (l *loop) settle(ctx context.Context, in incident.Input) {
	for {
		_, err := l.apply(ctx, in)
		var refused *incident.Refused
		switch {
		case err == nil:
			return
		case errors.As(err, &refused):
			l.log.Warn().Str("input", fmt.Sprintf("%T", in)).Msg(refused.Text)
			return
		case ctx.Err() != nil:
			return
		}
		l.setStatus(err)
		l.log.Error().Err(err).Str("input", fmt.Sprintf("%T", in)).Msg("hold the input until the journal takes it")
		if !pause(ctx, time.Second) {
			return
		}
	}
}

// apply steps, writes and acts. A conflict reads the newer record and steps
// again: whoever was first has won, and Step says so.
func (l *loop) apply(ctx context.Context, in incident.Input) (incident.Outcome, error) {
	return l.commit(ctx, ctx, in)
}

// commit is apply with a life of its own for the writing: effects live as long as
// the loop, a late record may outlive it.
func (l *loop) commit(ctx, life context.Context, in incident.Input) (incident.Outcome, error) {
	for {
		if err := l.ready(); err != nil {
			if err := l.reload(ctx); err != nil {
				return incident.Outcome{}, fmt.Errorf("%w: %w", journal.ErrUnavailable, err)
			}
			if err := l.ready(); err != nil {
				return incident.Outcome{}, err
			}
			if l.unsure {
				l.unsure = false
				if _, err := l.commit(ctx, life, incident.Restarted{Same: true}); err != nil {
					return incident.Outcome{}, err
				}
			}
		}
		now := time.Now().UTC()
		filled := l.engine.withWorld(ctx, l.policy, l.state, in, now)
		out, err := l.policy.Step(l.state, filled, now)
		if err != nil || len(out.Entries) == 0 {
			return out, err
		}
		before(in)
		switch err := l.write(ctx, out, now); {
		case err == nil:
			after(in)
			l.report(out)
			l.perform(life, out.Effects)
			return out, nil
		case errors.Is(err, journal.ErrConflict):
			if err := l.reload(ctx); err != nil {
				return incident.Outcome{}, fmt.Errorf("%w: %w", journal.ErrUnavailable, err)
			}
		default:
			l.unsure = true
			l.setStatus(err)
			return incident.Outcome{}, err
		}
	}
}

// write appends the outcome as the target's next record.
func (l *loop) write(ctx context.Context, out incident.Outcome, now time.Time) error {
	entries, err := json.Marshal(out.Entries)
	if err != nil {
		return fmt.Errorf("encode entries: %w", err)
	}
	state, err := json.Marshal(out.State)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	record := journal.Record{Target: l.name, At: now, Writer: l.engine.cfg.Writer, Entries: entries, State: state}
	began := time.Now()
	head, err := l.engine.cfg.Journal.Append(ctx, l.head, record)
	if err != nil {
		return fmt.Errorf("append to the journal of %s: %w", l.name, err)
	}
	l.engine.metrics.append.Observe(time.Since(began).Seconds())
	l.adopt(head, out.State)
	return nil
}

// report logs one line for each transition.
func (l *loop) report(out incident.Outcome) {
	for _, entry := range out.Entries {
		l.engine.metrics.transitions.WithLabelValues(entry.Kind).Inc()
		l.log.Info().Str("incident", entry.Incident).Str("by", entry.By).Str("kind", entry.Kind).Msg(entry.Text)
	}
}

// before and after mark the places where a crash around a record hurts most.
func before(in incident.Input) {
	switch in.(type) {
	case incident.PlanMade:
		crashpoint.Hit("plan.after_resolve")
		crashpoint.Hit("exec.before_intent")
	case incident.Executed, incident.ExecuteFailed:
		crashpoint.Hit("exec.before_result_cas")
	case incident.Checked:
		crashpoint.Hit("verify.mid")
	case incident.Recover:
		crashpoint.Hit("verify.before_done")
	case incident.Approve:
		crashpoint.Hit("approve.before_event")
	}
}

func after(in incident.Input) {
	switch in.(type) {
	case incident.Decide:
		crashpoint.Hit("eval.after_step")
	case incident.PlanMade:
		crashpoint.Hit("plan.after_planned_cas")
	case incident.Executed, incident.ExecuteFailed:
		crashpoint.Hit("exec.after_result_cas")
	case incident.Approve:
		crashpoint.Hit("approve.after_cas")
	}
}

// pause waits for d; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
