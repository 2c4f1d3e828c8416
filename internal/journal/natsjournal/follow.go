package natsjournal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/streams"
)

// Follow implements journal.Journal with a durable consumer that has one record
// in flight, so that a record whose reader failed holds back those after it. It
// comes again after journal.RetryAfter.
//
// A new name begins at the end that the journal has when Follow begins, once the
// server answers: what is appended from then on is delivered. While it runs, Follow outlives
// restarts of the server and the deletion of its consumer, which it makes anew
// after the last record read. A record comes twice only when the process or the
// server dies between fn and the acknowledgement; one that was on its way to a
// reader that died comes again after three seconds. A record that cannot be
// decoded is logged and passed over, so that it cannot silence the outbox.
func (j *Journal) Follow(ctx context.Context, name string, fn func(context.Context, journal.Stored) error) error {
	f := &follower{journal: j, durable: streams.Token(name), fn: fn}
	failures := uint64(0)
	for ctx.Err() == nil {
		err := f.step(ctx)
		if err == nil {
			failures = 0
			continue
		}
		if ctx.Err() != nil {
			break
		}
		failures++
		f.cons = nil
		j.log.Warn().Err(err).Str("reader", name).Uint64("failures", failures).Msg("the journal's reader is interrupted")
		select {
		case <-time.After(min(journal.RetryAfter(failures), 5*time.Second)):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// follower is one running Follow. It is used by one goroutine.
type follower struct {
	journal *Journal
	durable string
	fn      func(context.Context, journal.Stored) error

	cons jetstream.Consumer // nil: must be bound first
	// read is the last record that needs no reading any more, once known is true:
	// a consumer that vanishes is made anew after it.
	read  uint64
	known bool
	bound bool // a consumer has been found or made
}

// step waits for at most one record. An error is the connection's or the
// server's, never fn's.
func (f *follower) step(ctx context.Context) error {
	if f.cons == nil {
		if err := f.bind(ctx); err != nil {
			return err
		}
	}
	msg, err := f.next(ctx)
	if msg == nil {
		return err
	}
	return f.deliver(ctx, msg)
}

// bind finds the durable consumer or makes it.
func (f *follower) bind(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.journal.patience)
	defer cancel()
	cons, err := f.journal.js.Consumer(ctx, Stream, f.durable)
	if err == nil {
		cons, err = f.check(ctx, cons)
	} else if errors.Is(err, jetstream.ErrConsumerNotFound) {
		cons, err = f.create(ctx)
	}
	if err != nil {
		return fmt.Errorf("bind reader %s: %w", f.durable, err)
	}
	f.cons, f.bound = cons, true
	if floor := cons.CachedInfo().AckFloor.Stream; !f.known || floor > f.read {
		f.read, f.known = floor, true
	}
	return nil
}

// create makes the consumer: after the journal's end when the name is new, after
// the last record read when it has vanished under this Follow. The place is
// settled before the first attempt, so that no lost answer can move it.
func (f *follower) create(ctx context.Context) (jetstream.Consumer, error) {
	if !f.known {
		info, err := f.journal.stream.Info(ctx)
		if err != nil {
			return nil, err
		}
		f.read, f.known = info.State.LastSeq, true
	}
	if f.bound {
		f.journal.log.Error().Str("reader", f.durable).Uint64("after", f.read).Msg("the journal's reader had vanished from the server, making it anew")
	}
	return f.journal.js.CreateConsumer(ctx, Stream, f.config(jetstream.ConsumerConfig{
		Durable: f.durable, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.read + 1,
	}))
}

// check brings an existing consumer to our settings. One that stands after the
// end of the journal would never deliver again: it is replaced by one at the end.
func (f *follower) check(ctx context.Context, cons jetstream.Consumer) (jetstream.Consumer, error) {
	info, err := f.journal.stream.Info(ctx)
	if err != nil {
		return nil, err
	}
	have := cons.CachedInfo()
	if last := info.State.LastSeq; max(have.AckFloor.Stream, have.Delivered.Stream) > last {
		f.journal.log.Error().Str("reader", f.durable).Uint64("last", last).Uint64("floor", have.AckFloor.Stream).
			Msg("the journal ends before its reader's position: records were lost")
		if err := f.journal.js.DeleteConsumer(ctx, Stream, f.durable); err != nil {
			return nil, err
		}
		f.read, f.known = last, true
		return f.create(ctx)
	}
	want := f.config(have.Config)
	if want.AckPolicy != have.Config.AckPolicy {
		return nil, errors.New("it acknowledges in another way and cannot be changed: delete it by hand")
	}
	if want.AckWait == have.Config.AckWait && want.MaxDeliver == have.Config.MaxDeliver && want.MaxAckPending == have.Config.MaxAckPending {
		return cons, nil
	}
	return f.journal.js.UpdateConsumer(ctx, Stream, want)
}

func (f *follower) config(base jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	base.AckPolicy = jetstream.AckExplicitPolicy
	base.AckWait = f.journal.ackWait
	base.MaxDeliver = -1
	base.MaxAckPending = 1
	return base
}

// next pulls one record; nil without an error when none came for a while. Every
// pull is a request of its own with heartbeats, so that one that the server has
// forgotten ends by itself.
func (f *follower) next(ctx context.Context) (jetstream.Msg, error) {
	pull, cancel := context.WithTimeout(ctx, f.journal.pull)
	defer cancel()
	batch, err := f.cons.Fetch(1, jetstream.FetchContext(pull), jetstream.FetchHeartbeat(f.journal.pull/5))
	if err != nil {
		return nil, fmt.Errorf("pull for %s: %w", f.durable, err)
	}
	for msg := range batch.Messages() {
		return msg, nil
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("pull for %s: %w", f.durable, err)
	}
	return nil, nil
}

// deliver hands a record to fn and tells the server what became of it.
func (f *follower) deliver(ctx context.Context, msg jetstream.Msg) error {
	at, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("deliver to %s: %w", f.durable, err)
	}
	revision := at.Sequence.Stream
	if revision > f.read { // else it was read, and the acknowledgement was lost
		s, err := stored(msg, revision)
		if err != nil {
			f.journal.log.Error().Err(err).Str("reader", f.durable).Msg("a journal record is damaged, passing it over")
		} else if err := f.call(ctx, msg, s); err != nil {
			return f.refuse(ctx, msg, at, err)
		}
		f.read = revision
	}
	ackCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := msg.DoubleAck(ackCtx); err != nil {
		return fmt.Errorf("acknowledge revision %d for %s: %w", revision, f.durable, err)
	}
	return nil
}

// call runs fn while it keeps the server from delivering the record again.
func (f *follower) call(ctx context.Context, msg jetstream.Msg, s journal.Stored) error {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(f.journal.ackWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = msg.InProgress()
			case <-done:
				return
			}
		}
	}()
	defer func() { close(done); <-ended }()
	return f.fn(ctx, s)
}

// refuse asks for the record again: at once for the next Follow when this one is
// ending, else after a pause.
func (f *follower) refuse(ctx context.Context, msg jetstream.Msg, at *jetstream.MsgMetadata, err error) error {
	if ctx.Err() != nil {
		return msg.Nak()
	}
	pause := journal.RetryAfter(at.NumDelivered)
	f.journal.log.Warn().Err(err).Str("reader", f.durable).Uint64("revision", at.Sequence.Stream).Dur("retry_in", pause).
		Msg("a journal record could not be handed on")
	return msg.NakWithDelay(pause)
}
