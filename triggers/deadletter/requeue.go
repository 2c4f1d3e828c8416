package deadletter

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/triggers"
)

const requeuedPrefix = Prefix + "requeued-"

func requeuedSubject(seq uint64) string { return requeuedPrefix + strconv.FormatUint(seq, 10) }

// Requeue publishes the letter to the events stream as if it had just come in, and
// marks it. It is read again from the start: what is still wrong with it makes a
// new dead letter. target, when not empty, is the target of an alert that named
// none, or the wrong one.
//
// ErrRequeued, ErrNotFound and ErrNoWay mean that nothing was done. After any
// other error nobody can say; requeueing again is harmless within the stream's
// window of duplicates.
func (b *Box) Requeue(ctx context.Context, seq uint64, target string) error {
	letter, err := b.Show(ctx, seq)
	if err != nil {
		return err
	}
	subject, err := b.wayBack(letter, target)
	if err != nil {
		return fmt.Errorf("dead letter %d: %w", seq, err)
	}
	msg := &nats.Msg{Subject: subject, Header: nats.Header{}, Data: letter.Body}
	for name, values := range letter.Header {
		msg.Header[name] = values
	}
	id := requeuedSubject(seq) + " " + subject
	if _, err := b.cfg.JS.PublishMsg(ctx, msg, jetstream.WithMsgID(id), jetstream.WithExpectStream(b.cfg.EventsStream)); err != nil {
		return fmt.Errorf("requeue dead letter %d: %w", seq, err)
	}
	mark := requeuedSubject(seq)
	if _, err := b.cfg.JS.Publish(ctx, mark, []byte(subject), jetstream.WithMsgID(mark), jetstream.WithExpectStream(b.cfg.Stream)); err != nil {
		return fmt.Errorf("mark dead letter %d as requeued: %w", seq, err)
	}
	return nil
}

// wayBack is the subject under which the letter becomes an event.
func (b *Box) wayBack(l Letter, target string) (string, error) {
	if !l.Requeued.IsZero() {
		return "", fmt.Errorf("%w, at %s", ErrRequeued, l.Requeued.Format("2006-01-02T15:04:05Z07:00"))
	}
	if l.Cut > 0 {
		return "", fmt.Errorf("%w: of %d bytes only the first %d were kept", ErrNoWay, l.Cut, len(l.Body))
	}
	typ, named, known := triggers.SplitSubject(l.Subject)
	unnamed := l.Code == triggers.DeadUnresolved && (!known || typ == triggers.TypeAlert)
	switch {
	case target != "" && unnamed:
		typ, named = triggers.TypeAlert, target
	case target != "" && target != named:
		return "", fmt.Errorf("%w to another target: its events name theirs themselves", ErrNoWay)
	case unnamed && named == "":
		return "", fmt.Errorf("%w without a target: it names none", ErrNoWay)
	case !known:
		return "", fmt.Errorf("%w: it never had a subject of events (%q)", ErrNoWay, l.Subject)
	}
	if !b.cfg.KnownTarget(named) {
		return "", fmt.Errorf("%w yet: target %s is not configured", ErrNoWay, named)
	}
	return triggers.Subject(typ, named), nil
}
