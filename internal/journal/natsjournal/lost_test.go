package natsjournal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/journal/natsjournal"
)

// lossy is a journal behind a proxy, and one beside it that sees all.
func lossy(t *testing.T) (j *natsjournal.Journal, p *proxy, witness *natsjournal.Journal) {
	c := server(t, cluster.Config{Listen: "127.0.0.1:0"})
	p = newProxy(t, c.ClientURL())
	j = open(t, p.jetStream(t, c.Token()), natsjournal.Config{})
	j.SetTimes(300*time.Millisecond, time.Second)
	return j, p, open(t, c.JetStream(), natsjournal.Config{})
}

func count(t *testing.T, j journal.Journal, target string) (n int) {
	t.Helper()
	if err := j.Read(t.Context(), target, 0, func(journal.Stored) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// appending runs an append; cut is called once the loss has happened and the
// client has had time to give up waiting.
func appending(t *testing.T, j *natsjournal.Journal, p *proxy, l loss, head journal.Head, cut func()) (journal.Head, error) {
	t.Helper()
	hit := p.arm(l)
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-hit
		time.Sleep(400 * time.Millisecond)
		cut()
	}()
	next, err := j.Append(t.Context(), head, record("a", 2))
	<-done
	return next, err
}

func TestLostAnswerIsOneRecord(t *testing.T) {
	j, p, witness := lossy(t)
	head, err := j.Append(t.Context(), journal.Head{}, record("a", 1))
	if err != nil {
		t.Fatal(err)
	}
	next, err := appending(t, j, p, answer, head, p.cut)
	if err != nil {
		t.Fatalf("append whose answer was lost = %v, want the record that is there", err)
	}
	if last, err := witness.Head(t.Context(), "a"); err != nil || last.Revision != next.Revision || last.Record.Txn != next.Record.Txn {
		t.Errorf("append answered %+v, the journal has %+v, %v", next, last, err)
	}
	if n := count(t, witness, "a"); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

func TestLostPublishIsWrittenAgainOnce(t *testing.T) {
	j, p, witness := lossy(t)
	head, err := j.Append(t.Context(), journal.Head{}, record("a", 1))
	if err != nil {
		t.Fatal(err)
	}
	next, err := appending(t, j, p, publish, head, p.cut)
	if err != nil {
		t.Fatalf("append whose publish was lost = %v", err)
	}
	if n := count(t, witness, "a"); n != 2 || next.Record.Prev != head.Hash {
		t.Errorf("%d records, the last follows %q; want 2 and %q", n, next.Record.Prev, head.Hash)
	}
}

// The record was stored, and another writer went on from it before the first one
// could look: the first one still won.
func TestLostAnswerUnderALaterRecord(t *testing.T) {
	j, p, witness := lossy(t)
	next, err := appending(t, j, p, answer, journal.Head{}, func() {
		head, err := witness.Head(t.Context(), "a")
		if err == nil {
			_, err = witness.Append(t.Context(), head, record("a", 3))
		}
		if err != nil {
			t.Errorf("the later record: %v", err)
		}
		p.cut()
	})
	if err != nil || next.Revision != 1 {
		t.Errorf("append = revision %d, %v; want 1", next.Revision, err)
	}
}

func TestLostPublishOvertakenIsAConflict(t *testing.T) {
	j, p, witness := lossy(t)
	_, err := appending(t, j, p, publish, journal.Head{}, func() {
		if _, err := witness.Append(t.Context(), journal.Head{}, record("a", 3)); err != nil {
			t.Errorf("the other record: %v", err)
		}
		p.cut()
	})
	if !errors.Is(err, journal.ErrConflict) {
		t.Errorf("append = %v, want ErrConflict", err)
	}
	if n := count(t, witness, "a"); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

func TestOpenOutcomeEndsWithTheContext(t *testing.T) {
	j, p, _ := lossy(t)
	hit := p.arm(publish)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-hit
		time.Sleep(500 * time.Millisecond)
		cancel()
	}()
	_, err := j.Append(ctx, journal.Head{}, record("a", 1))
	if !errors.Is(err, journal.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("append = %v, want ErrUnavailable and the context's error", err)
	}
}
