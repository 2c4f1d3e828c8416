// Package foreign reads streams of NATS that were not made for Ripcord, with a
// durable consumer of its own, and puts what they say into the events stream. So
// nobody has to change a producer.
package foreign

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/triggers"
)

// Config is what a Source works with; all of it is needed.
type Config struct {
	JS          jetstream.JetStream
	Shape       triggers.Foreign
	Subject     string // the filter; a stream of the same account must hold it
	KnownTarget func(string) bool
	Sink        triggers.Sink
	DeadLetter  func(context.Context, triggers.DeadLetter) error
	Logger      zerolog.Logger
}

// Source is one foreign stream. It starts with what comes after it was first
// configured, and goes on where it stood.
type Source struct {
	cfg    Config
	health atomic.Pointer[string]
}

// New makes a source; it does not touch the stream.
func New(cfg Config) *Source {
	s := &Source{cfg: cfg}
	s.ail(fmt.Sprintf("source %s has not begun", cfg.Shape.Name))
	return s
}

// Health is nil while the stream is read.
func (s *Source) Health() error {
	if why := s.health.Load(); *why != "" {
		return errors.New(*why)
	}
	return nil
}

func (s *Source) ail(why string) { s.health.Store(&why) }

const (
	batch     = 256                  // messages that are stored together
	together  = 2 * time.Millisecond // how long a message waits for others
	heartbeat = 5 * time.Second
)

// Run reads until ctx ends. What hinders it is logged and tried again.
func (s *Source) Run(ctx context.Context) error {
	wait := time.Second
	for ctx.Err() == nil {
		began := time.Now()
		err := s.read(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > time.Minute {
			wait = time.Second
		}
		s.ail(err.Error())
		s.cfg.Logger.Warn().Err(err).Str("source", s.cfg.Shape.Name).Msg("a foreign stream is not read")
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, time.Minute)
	}
	return nil
}

func (s *Source) read(ctx context.Context) error {
	stream, err := s.cfg.JS.StreamNameBySubject(ctx, s.cfg.Subject)
	if err != nil {
		return fmt.Errorf("source %s: find the stream that holds %s (create one: what is not stored can not be read durably): %w", s.cfg.Shape.Name, s.cfg.Subject, err)
	}
	consumer, err := s.cfg.JS.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: "ripcord-" + s.cfg.Shape.Name, FilterSubject: s.cfg.Subject, DeliverPolicy: jetstream.DeliverNewPolicy,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxDeliver: -1, MaxAckPending: 4 * batch,
	})
	if err != nil {
		return fmt.Errorf("source %s: make its consumer on %s: %w", s.cfg.Shape.Name, stream, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(batch), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return fmt.Errorf("source %s: pull: %w", s.cfg.Shape.Name, err)
	}
	defer messages.Stop()
	s.ail("")
	for {
		taken, err := collect(ctx, messages)
		if err != nil {
			return fmt.Errorf("source %s: pull: %w", s.cfg.Shape.Name, err)
		}
		if err := s.forward(ctx, taken); err != nil {
			for _, msg := range taken {
				_ = msg.NakWithDelay(time.Second) // else they come again after AckWait
			}
			return err
		}
	}
}

// collect waits for a message and takes those that are there with it.
func collect(ctx context.Context, messages jetstream.MessagesContext) ([]jetstream.Msg, error) {
	msg, err := messages.Next(jetstream.NextContext(ctx))
	var taken []jetstream.Msg
	for err == nil {
		if taken = append(taken, msg); len(taken) == batch {
			break
		}
		msg, err = messages.Next(jetstream.NextMaxWait(together))
	}
	if len(taken) > 0 {
		return taken, nil // what hinders the next one will be met again
	}
	return nil, err
}

// forward stores what the messages say, as one batch, and acknowledges them after.
func (s *Source) forward(ctx context.Context, taken []jetstream.Msg) error {
	var events []triggers.Event
	for _, msg := range taken {
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("source %s: read a message's position: %w", s.cfg.Shape.Name, err)
		}
		found, rejects := s.cfg.Shape.Decode(msg.Subject(), meta.Sequence.Stream, meta.Timestamp, msg.Data(), s.cfg.KnownTarget)
		for _, r := range rejects {
			if err := s.bury(ctx, msg, meta.Sequence.Stream, r); err != nil {
				return err
			}
		}
		events = append(events, found...)
	}
	if len(events) > 0 {
		if err := s.cfg.Sink(ctx, events); err != nil {
			return fmt.Errorf("source %s: %w", s.cfg.Shape.Name, err)
		}
	}
	for _, msg := range taken {
		if err := msg.Ack(); err != nil {
			return fmt.Errorf("source %s: acknowledge: %w", s.cfg.Shape.Name, err)
		}
	}
	return nil
}

func (s *Source) bury(ctx context.Context, msg jetstream.Msg, seq uint64, r triggers.Reject) error {
	err := s.cfg.DeadLetter(ctx, triggers.DeadLetter{
		At: time.Now().UTC(), Code: triggers.DeadUndecodable, Reason: fmt.Sprintf("message %d of %s: %s", seq, msg.Subject(), r.Reason),
		Source: s.cfg.Shape.Name, Body: r.Raw,
	})
	if err != nil {
		return fmt.Errorf("source %s: keep a dead letter: %w", s.cfg.Shape.Name, err)
	}
	return nil
}
