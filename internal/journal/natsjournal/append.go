package natsjournal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/journal"
)

// Codes of the server's refusals. That one of them came means that this copy of
// the record was not stored.
const (
	codeStoreFailed jetstream.ErrorCode = 10077 // the stream is full, or its disk
	codeTooLarge                        = jetstream.JSErrCodeStreamMessageExceedsMaximum
)

// draft is a record on its way into the journal.
type draft struct {
	subject string
	after   uint64 // the revision it must follow
	record  journal.Record
	encoded []byte
	hash    string
}

// Append implements journal.Journal.
//
// The record is published with the expectation that the target's last revision
// is head's. What the server says about the first copy is final. After a lost
// answer the outcome is open, and the journal itself is asked who stands after
// head; while nobody does, the same record is published again with the same
// expectation, so that of several copies at most one is stored. When ctx ends
// first, the error is ErrUnavailable and the context's, and the record may still
// land: the next writer at this head then gets ErrConflict.
func (j *Journal) Append(ctx context.Context, head journal.Head, r journal.Record) (journal.Head, error) {
	if r.Writer == "" {
		r.Writer = j.writer
	}
	r, err := journal.Next(head, r)
	if err != nil {
		return journal.Head{}, err
	}
	encoded, hash, err := journal.Encode(r)
	if err != nil {
		return journal.Head{}, err
	}
	if r, _, err = journal.Decode(encoded); err != nil { // what a reader will see
		return journal.Head{}, err
	}
	d := draft{subject: subject(r.Target), after: head.Revision, record: r, encoded: encoded, hash: hash}
	revision, err := j.write(ctx, d)
	if err != nil {
		return journal.Head{}, fmt.Errorf("append record of %s after revision %d: %w", r.Target, head.Revision, err)
	}
	return journal.Head{Revision: revision, Hash: hash, Record: r}, nil
}

// write publishes the draft until its outcome is known, and says its revision.
func (j *Journal) write(ctx context.Context, d draft) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", journal.ErrUnavailable, err)
	}
	revision, err := j.publish(ctx, d)
	if err == nil {
		return revision, nil
	}
	if final := j.refusal(err); final != nil {
		return 0, final
	}
	for {
		j.log.Warn().Err(err).Str("target", d.record.Target).Uint64("after", d.after).Msg("the answer to a journal write was lost, reading it back")
		revision, open, settled := j.settle(ctx, d)
		if !open {
			return revision, settled
		}
		if revision, err = j.publish(ctx, d); err == nil {
			return revision, nil
		}
		// A conflict may be with our own first copy; any other refusal ends it.
		if final := j.refusal(err); final != nil && !errors.Is(final, journal.ErrConflict) {
			return 0, final
		}
	}
}

func (j *Journal) publish(ctx context.Context, d draft) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, j.patience)
	defer cancel()
	ack, err := j.js.PublishMsg(ctx, &nats.Msg{Subject: d.subject, Data: d.encoded},
		jetstream.WithExpectStream(Stream), jetstream.WithExpectLastSequencePerSubject(d.after), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// refusal is what an error of the first publish means when it says for certain
// that nothing was stored; nil when the outcome is open.
func (j *Journal) refusal(err error) error {
	if api := jetstream.JetStreamError(nil); errors.As(err, &api) && api.APIError() != nil {
		switch api.APIError().ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			return fmt.Errorf("%w: %w", journal.ErrConflict, err)
		case codeTooLarge:
			return fmt.Errorf("%w: %w", journal.ErrTooLarge, err)
		case codeStoreFailed:
			return fmt.Errorf("%w: stream %s is full at %d bytes or its disk is, give it more room: %w", journal.ErrUnavailable, Stream, j.maxBytes, err)
		default:
			return fmt.Errorf("%w: %w", journal.ErrUnavailable, err)
		}
	}
	for _, unsent := range []error{jetstream.ErrNoStreamResponse, nats.ErrReconnectBufExceeded, nats.ErrConnectionDraining} {
		if errors.Is(err, unsent) {
			return fmt.Errorf("%w: %w", journal.ErrUnavailable, err)
		}
	}
	return nil
}

// settle finds out what became of a draft whose answer was lost. It is open only
// after the journal was seen without it longer than a copy can be on its way.
func (j *Journal) settle(ctx context.Context, d draft) (revision uint64, open bool, err error) {
	var absent time.Time
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		winner, revision, err := j.after(ctx, d.subject, d.after)
		switch {
		case ctx.Err() != nil:
			return 0, false, fmt.Errorf("%w: it is not known whether the record was stored: %w", journal.ErrUnavailable, ctx.Err())
		case errors.Is(err, nats.ErrConnectionClosed):
			return 0, false, fmt.Errorf("%w: it is not known whether the record was stored: %w", journal.ErrUnavailable, err)
		case err != nil:
			absent = time.Time{}
		case winner == d.record.Txn:
			return revision, false, nil
		case revision > 0:
			return 0, false, fmt.Errorf("%w: revision %d was first", journal.ErrConflict, revision)
		case absent.IsZero():
			absent = time.Now()
		case time.Since(absent) >= j.patience:
			return 0, true, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// after is the transaction and revision of the first record of a subject after a
// revision: the one that won the compare-and-set there. Revision 0 says that none
// is there.
func (j *Journal) after(ctx context.Context, subject string, revision uint64) (string, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, j.patience)
	defer cancel()
	msg, err := j.stream.GetMsg(ctx, revision+1, jetstream.WithGetMsgSubject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	r, _, err := journal.Decode(msg.Data)
	if err != nil {
		return "", msg.Sequence, nil // whatever it is, it is not ours
	}
	return r.Txn, msg.Sequence, nil
}
