package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/crashpoint"
	"github.com/ripcord-dev/ripcord/triggers"
)

// unacked are the handled messages that are not acknowledged yet. The newest
// stands for all (AckAll).
type unacked struct {
	newest js.Msg
	n      int
	since  time.Time
}

// live reads from the durable until something breaks or ctx ends.
func (r *Reader) live(ctx context.Context, consumer js.Consumer, h Handler) error {
	messages, err := consumer.Messages(js.PullMaxMessages(pullMessages), js.PullHeartbeat(5*time.Second))
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	var open unacked
	defer func() { r.ack(&open) }()
	heard := time.Now()
	for {
		msg, err := messages.Next(js.NextMaxWait(r.cfg.Tick))
		switch {
		case errors.Is(err, nats.ErrTimeout):
			r.ack(&open)
			if err := r.idle(ctx, consumer, &heard); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("pull: %w", err)
		}
		heard = time.Now()
		if err := r.take(ctx, h, msg, &open); err != nil {
			return err
		}
	}
}

// take handles one message of the durable and acknowledges when it is time.
func (r *Reader) take(ctx context.Context, h Handler, msg js.Msg, open *unacked) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("read a message's position: %w", err)
	}
	crashpoint.Hit("eval.after_fetch")
	seq := meta.Sequence.Stream
	r.pending.Store(meta.NumPending)
	if seq <= r.last {
		r.metrics.redelivered.Inc()
		r.add(open, msg)
		r.ack(open)
		return nil
	}
	if err := r.fill(ctx, h, seq-1); err != nil {
		return err
	}
	if err := r.handle(ctx, h, message(msg, meta), msg.Subject(), false); err != nil {
		return err
	}
	r.last = seq
	r.add(open, msg)
	if meta.NumPending == 0 || open.n >= ackEvery || time.Since(open.since) > ackAfter {
		r.ack(open)
	}
	return nil
}

// fill hands over, from the stream itself, what lies between the last message
// that was handled and upTo. The durable gave those messages to a process that
// died, or to a pull that broke; it would bring them again only after AckWait, and
// behind newer ones.
func (r *Reader) fill(ctx context.Context, h Handler, upTo uint64) error {
	if r.last >= upTo {
		return nil
	}
	stream, err := r.cfg.JS.Stream(ctx, r.cfg.Stream)
	if err != nil {
		return fmt.Errorf("find stream %s: %w", r.cfg.Stream, err)
	}
	first := stream.CachedInfo().State.FirstSeq
	for seq := max(r.last+1, first); seq <= upTo; seq++ {
		raw, err := stream.GetMsg(ctx, seq)
		switch {
		case errors.Is(err, js.ErrMsgNotFound):
			r.metrics.gaps.Inc()
			r.cfg.Logger.Error().Uint64("seq", seq).Msg("a message of the events stream is missing")
		case err != nil:
			return fmt.Errorf("read message %d: %w", seq, err)
		default:
			m := triggers.Message{Seq: seq, Stored: raw.Time.UTC(), Header: raw.Header, Body: raw.Data}
			m.Type, m.Target, _ = triggers.SplitSubject(raw.Subject)
			if err := r.handle(ctx, h, m, raw.Subject, false); err != nil {
				return err
			}
		}
		r.last = seq
	}
	return nil
}

func (r *Reader) add(open *unacked, msg js.Msg) {
	if open.n == 0 {
		open.since = time.Now()
	}
	open.newest = msg
	open.n++
}

// ack is not confirmed: that would not make it durable (reliability.md, fact 3). A
// lost one costs a redelivery.
func (r *Reader) ack(open *unacked) {
	if open.n == 0 {
		return
	}
	crashpoint.Hit("eval.before_ack")
	if err := open.newest.Ack(); err != nil {
		r.cfg.Logger.Warn().Err(err).Uint64("seq", r.last).Msg("events not acknowledged, they will come again")
	}
	crashpoint.Hit("eval.after_ack")
	*open = unacked{}
}

// idle appends a tick when one is due. After a long silence it looks whether the
// consumer still is there and has really nothing to say.
func (r *Reader) idle(ctx context.Context, consumer js.Consumer, heard *time.Time) error {
	now := time.Now()
	if due := r.cfg.WantTick(); !due.IsZero() && !now.Before(due) {
		r.tick(ctx)
	}
	if now.Sub(*heard) < watchEvery {
		return nil
	}
	*heard = now
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("look at the consumer after a silence: %w", err)
	}
	if info.NumPending > 0 {
		return fmt.Errorf("%d messages are waiting and none came for %s", info.NumPending, watchEvery)
	}
	r.pending.Store(0)
	return nil
}

// tick appends a message whose delivery lets time pass for the evaluator.
func (r *Reader) tick(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	subject := triggers.Subject(triggers.TypeTick, triggers.TargetAll)
	if _, err := r.cfg.JS.Publish(ctx, subject, []byte("{}"), js.WithExpectStream(r.cfg.Stream)); err != nil {
		r.cfg.Logger.Warn().Err(err).Msg("no tick was stored: conditions that only time changes wait")
		return
	}
	r.metrics.ticks.Inc()
}
