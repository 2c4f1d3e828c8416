package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// bind finds the durable, or makes it, and returns the sequence up to which
// everything is acknowledged.
func (r *Reader) bind(ctx context.Context) (js.Consumer, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stream, err := r.cfg.JS.Stream(ctx, r.cfg.Stream)
	if err != nil {
		return nil, 0, fmt.Errorf("find stream %s: %w", r.cfg.Stream, err)
	}
	r.recognise(stream.CachedInfo())
	state := stream.CachedInfo().State
	consumer, err := stream.Consumer(ctx, r.cfg.Durable)
	switch {
	case errors.Is(err, js.ErrConsumerNotFound) && r.last <= state.LastSeq:
		return r.create(ctx, stream)
	case errors.Is(err, js.ErrConsumerNotFound):
		r.regressed(state.LastSeq, "its tail was lost")
		r.last = state.LastSeq
		return r.create(ctx, stream)
	case err != nil:
		return nil, 0, fmt.Errorf("find consumer %s: %w", r.cfg.Durable, err)
	}
	info := consumer.CachedInfo()
	if err := usable(info.Config); err != nil {
		return nil, 0, errStop{fmt.Errorf("consumer %s: %w", r.cfg.Durable, err)}
	}
	floor := info.AckFloor.Stream
	if max(floor, r.last) > state.LastSeq {
		r.regressed(state.LastSeq, "its tail was lost")
		r.last = state.LastSeq
		if err := stream.DeleteConsumer(ctx, r.cfg.Durable); err != nil {
			return nil, 0, fmt.Errorf("delete consumer %s: %w", r.cfg.Durable, err)
		}
		return r.create(ctx, stream)
	}
	r.pending.Store(info.NumPending + uint64(max(info.NumAckPending, 0)))
	return consumer, floor, nil
}

// recognise forgets the position when the stream is not the one that it was in.
func (r *Reader) recognise(info *js.StreamInfo) {
	if !r.created.IsZero() && !info.Created.Equal(r.created) {
		r.regressed(info.State.LastSeq, "it was deleted and made anew")
		r.last = 0
	}
	r.created = info.Created
}

// regressed tells that the log is shorter than what was read of it: sequences that
// were handled will be given to other messages.
func (r *Reader) regressed(lastSeq uint64, what string) {
	r.metrics.regressions.Inc()
	r.cfg.Logger.Error().Uint64("seq", r.last).Uint64("stream_last", lastSeq).
		Msg("the events stream ends before what was read of it: " + what)
}

// create makes the durable behind the last message that was handled.
func (r *Reader) create(ctx context.Context, stream js.Stream) (js.Consumer, uint64, error) {
	config := js.ConsumerConfig{
		Durable: r.cfg.Durable, Description: "decides on events; the journal, not this position, is the truth",
		DeliverPolicy: js.DeliverByStartSequencePolicy, OptStartSeq: r.last + 1,
		AckPolicy: js.AckAllPolicy, AckWait: 60 * time.Second, MaxDeliver: -1, MaxAckPending: 5_000,
	}
	consumer, err := stream.CreateConsumer(ctx, config)
	if err != nil {
		return nil, 0, fmt.Errorf("make consumer %s: %w", r.cfg.Durable, err)
	}
	r.cfg.Logger.Info().Str("consumer", r.cfg.Durable).Uint64("from", r.last+1).Msg("made the durable consumer")
	r.pending.Store(consumer.CachedInfo().NumPending)
	return consumer, r.last, nil
}

// usable refuses a durable that somebody made otherwise: with a filter or a limit
// of deliveries it would leave messages out in silence.
func usable(c js.ConsumerConfig) error {
	switch {
	case c.AckPolicy != js.AckAllPolicy:
		return fmt.Errorf("its ack policy is %s, not all: delete it, it is made again", c.AckPolicy)
	case c.MaxDeliver > 0:
		return fmt.Errorf("it gives up after %d deliveries: delete it, it is made again", c.MaxDeliver)
	case c.FilterSubject != "" || len(c.FilterSubjects) > 0:
		return fmt.Errorf("it filters subjects: delete it, it is made again")
	}
	return nil
}
