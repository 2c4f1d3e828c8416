package jetstream

import (
	"context"
	"fmt"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/crashpoint"
)

// replay hands over what lies between the start of the warm-up and floor, which
// was decided in an earlier run. When it is interrupted it goes on behind the last
// message that was handed over.
func (r *Reader) replay(ctx context.Context, h Handler, floor uint64) error {
	if floor == 0 || r.cfg.Warmup <= 0 || r.replayed >= floor {
		return nil
	}
	consumer, err := r.cfg.JS.OrderedConsumer(ctx, r.cfg.Stream, r.replayFrom())
	if err != nil {
		return fmt.Errorf("make an ordered consumer: %w", err)
	}
	if consumer.CachedInfo().NumPending == 0 {
		return nil
	}
	messages, err := consumer.Messages(js.PullMaxMessages(2 * pullMessages))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(js.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read a message's position: %w", err)
		}
		if meta.Sequence.Stream > floor {
			return nil
		}
		if err := r.handle(ctx, h, message(msg, meta), msg.Subject(), true); err != nil {
			return err
		}
		if r.replayed == 0 {
			crashpoint.Hit("boot.mid_replay")
		}
		r.replayed = meta.Sequence.Stream
		if r.replayed == floor || meta.NumPending == 0 {
			return nil
		}
	}
}

func (r *Reader) replayFrom() js.OrderedConsumerConfig {
	if r.replayed > 0 {
		return js.OrderedConsumerConfig{DeliverPolicy: js.DeliverByStartSequencePolicy, OptStartSeq: r.replayed + 1}
	}
	from := time.Now().Add(-r.cfg.Warmup)
	return js.OrderedConsumerConfig{DeliverPolicy: js.DeliverByStartTimePolicy, OptStartTime: &from}
}
