// Package jetstream reads the events stream in order and hands each message, once
// it is decoded, to whoever decides on it. A message is acknowledged only when
// that has returned, so that what was not decided comes again after a crash.
//
// At start the windows are empty while the durable consumer stands where the last
// run ended. The reader first replays what lies before that position, marked as
// such, then goes on live. Nothing blocks it for ever: what can not be read, and
// what makes its reader panic, becomes a dead letter. A consumer that vanished is
// made anew behind the last message that was handled.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	js "github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/triggers"
)

const (
	maxWarmup = 24 * time.Hour
	minTick   = time.Second
	// pullMessages bounds what waits in the client: AckWait runs meanwhile.
	pullMessages = 256
	// ackEvery and ackAfter say when handled messages are acknowledged while more
	// are waiting; without more it is done at once.
	ackEvery = 128
	ackAfter = time.Second
	// watchEvery is how long silence is believed before the consumer is looked at.
	watchEvery = 15 * time.Second
	// caughtUp is how many messages may be pending while the reader counts as ready.
	caughtUp    = 1_000
	callTimeout = 5 * time.Second
)

// Config is what a Reader works with. All fields but Tick, WantTick, Warmup and
// Registerer are needed.
type Config struct {
	JS      js.JetStream
	Stream  string // the events stream, which must exist
	Durable string // the consumer, which is made when it does not exist
	// KnownTarget knows the configured targets; messages for others are dead
	// letters.
	KnownTarget func(string) bool
	// DeadLetter keeps what can not be used; nil only after it is stored.
	DeadLetter func(context.Context, triggers.DeadLetter) error
	// Warmup is how far back messages are replayed at start, at most 24 h; 0: none.
	Warmup time.Duration
	// WantTick is when the evaluator next has something to do that time alone
	// brings about; zero: nothing. When it is due and no message has come for Tick
	// (at least 1 s), a tick is appended to the stream. nil: never.
	WantTick   func() time.Time
	Tick       time.Duration
	Logger     zerolog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Batch is one message. Events is empty for a tick and for a message that holds
// none.
type Batch struct {
	Seq uint64
	// Stored is the store time, forced monotone: the stream time.
	Stored time.Time
	Events []triggers.Event
	// Replay says that the message was handled in an earlier run: it fills
	// windows and has no effects.
	Replay bool
}

// Handler takes one message. nil means that all decisions which follow from it are
// in the journal; only then is it acknowledged. After an error the same message is
// handed over again. A message is handed over again too when the process ended
// before its acknowledgement was stored.
type Handler func(ctx context.Context, b Batch) error

// Reader reads the stream. One goroutine, that of Run, owns its position.
type Reader struct {
	cfg     Config
	metrics *metrics

	last     uint64 // the newest handled sequence
	replayed uint64 // the newest replayed sequence
	warm     bool   // the replay is done
	at       time.Time
	created  time.Time // of the stream that last is a position in

	pending atomic.Uint64
	state   atomic.Pointer[error] // why it is not ready; nil inside: it reads
}

// New makes a reader; it does not touch the stream.
func New(cfg Config) *Reader {
	cfg.Tick = max(cfg.Tick, minTick)
	cfg.Warmup = min(cfg.Warmup, maxWarmup)
	if cfg.WantTick == nil {
		cfg.WantTick = func() time.Time { return time.Time{} }
	}
	r := &Reader{cfg: cfg, metrics: newMetrics(cfg.Registerer)}
	r.set(errors.New("the events stream is not being read yet"))
	return r
}

func (r *Reader) set(state error) { r.state.Store(&state) }

// Lag is how many messages were waiting in the stream when the last one was read.
func (r *Reader) Lag() uint64 { return r.pending.Load() }

// Ready is nil when the replay is done, the stream is being read and at most 1,000
// messages are waiting.
func (r *Reader) Ready() error {
	if err := *r.state.Load(); err != nil {
		return err
	}
	if lag := r.Lag(); lag > caughtUp {
		return fmt.Errorf("%d events messages are waiting", lag)
	}
	return nil
}

// errStop ends Run: going on would need a person.
type errStop struct{ error }

// Run reads until ctx ends, and returns nil then. What hinders it (no connection,
// no stream, a consumer that vanished) it logs and tries again with growing
// pauses. It returns an error only when the durable can not be used as it is.
func (r *Reader) Run(ctx context.Context, h Handler) error {
	pause := newPause()
	for {
		before := r.last + r.replayed
		err := r.session(ctx, h)
		if ctx.Err() != nil {
			return nil
		}
		var stop errStop
		if errors.As(err, &stop) {
			return stop.error
		}
		if r.last+r.replayed != before {
			pause.Reset()
		}
		r.set(fmt.Errorf("reading the events stream was interrupted: %w", err))
		r.metrics.interruptions.Inc()
		r.cfg.Logger.Warn().Err(err).Uint64("seq", r.last).Msg("reading the events stream was interrupted")
		if !sleep(ctx, pause.NextBackOff()) {
			return nil
		}
	}
}

// newPause grows from 100 ms to 5 s, jittered.
func newPause() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 5*time.Second
	b.Reset()
	return b
}

// sleep reports whether it slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// delivered is the newest message that the durable has given to anybody.
func delivered(consumer js.Consumer) uint64 { return consumer.CachedInfo().Delivered.Stream }

// session binds the consumer, replays if that is not done, and reads until
// something breaks.
func (r *Reader) session(ctx context.Context, h Handler) error {
	consumer, floor, err := r.bind(ctx)
	if err != nil {
		return err
	}
	if !r.warm {
		r.set(errors.New("the windows are being filled from the events stream"))
		if err := r.replay(ctx, h, floor); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		r.warm = true
		r.last = max(r.last, floor)
		r.cfg.Logger.Info().Uint64("seq", floor).Msg("the windows are filled, reading the events stream live")
	}
	if err := r.fill(ctx, h, delivered(consumer)); err != nil {
		return fmt.Errorf("hand over what was under way: %w", err)
	}
	r.set(nil)
	return r.live(ctx, consumer, h)
}
