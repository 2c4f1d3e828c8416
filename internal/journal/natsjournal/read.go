package natsjournal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/journal"
)

// Read implements journal.Journal. A record that cannot be decoded ends it with
// an error that names the revision.
func (j *Journal) Read(ctx context.Context, target string, from uint64, fn func(journal.Stored) error) error {
	end, filter, err := j.end(ctx, target)
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", journal.ErrUnavailable, err)
	}
	if end <= from {
		return ctx.Err()
	}
	cons, err := j.js.OrderedConsumer(ctx, Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: from + 1, InactiveThreshold: 30 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", journal.ErrUnavailable, err)
	}
	messages, err := cons.Messages(jetstream.PullMaxMessages(64))
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", journal.ErrUnavailable, err)
	}
	defer messages.Stop()
	for more := true; more; {
		if more, err = readNext(ctx, messages, end, fn); err != nil {
			return err
		}
	}
	return nil
}

// end is the last revision of a target, or of all, as it is now, and the subject
// that selects them. 0 means that there is nothing.
func (j *Journal) end(ctx context.Context, target string) (uint64, string, error) {
	ctx, cancel := context.WithTimeout(ctx, j.patience)
	defer cancel()
	filter := Prefix + ">"
	if target != "" {
		filter = subject(target)
	}
	msg, err := j.stream.GetLastMsgForSubject(ctx, filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, filter, nil
	}
	if err != nil {
		return 0, filter, err
	}
	return msg.Sequence, filter, nil
}

// readNext hands the next record to fn, and says whether there are more up to
// end.
func readNext(ctx context.Context, messages jetstream.MessagesContext, end uint64, fn func(journal.Stored) error) (bool, error) {
	msg, err := messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		return false, fmt.Errorf("read journal: %w: %w", journal.ErrUnavailable, err)
	}
	at, err := msg.Metadata()
	if err != nil {
		return false, fmt.Errorf("read journal: %w", err)
	}
	if at.Sequence.Stream > end {
		return false, nil
	}
	s, err := stored(msg, at.Sequence.Stream)
	if err != nil {
		return false, fmt.Errorf("read journal: %w", err)
	}
	if err := fn(s); err != nil {
		return false, err
	}
	return at.Sequence.Stream < end && at.NumPending > 0, nil
}

func stored(msg jetstream.Msg, revision uint64) (journal.Stored, error) {
	r, hash, err := journal.Decode(msg.Data())
	if err != nil {
		return journal.Stored{}, fmt.Errorf("revision %d: %w", revision, err)
	}
	return journal.Stored{Revision: revision, Hash: hash, Record: r}, nil
}

// Watch calls fn for every record from now on, of all targets, until ctx ends or
// fn returns an error. It has no memory: after an error the caller reads the
// heads again.
func (j *Journal) Watch(ctx context.Context, fn func(journal.Stored) error) error {
	cons, err := j.js.OrderedConsumer(ctx, Stream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{Prefix + ">"}, DeliverPolicy: jetstream.DeliverNewPolicy, InactiveThreshold: 30 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("watch journal: %w: %w", journal.ErrUnavailable, err)
	}
	messages, err := cons.Messages(jetstream.PullMaxMessages(64))
	if err != nil {
		return fmt.Errorf("watch journal: %w: %w", journal.ErrUnavailable, err)
	}
	defer messages.Stop()
	for {
		if _, err := readNext(ctx, messages, math.MaxUint64, fn); err != nil {
			return err
		}
	}
}
