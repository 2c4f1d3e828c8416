package natsjournal_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/journal/natsjournal"
)

// reading follows under a name and hands on what it reads.
func reading(t *testing.T, j *natsjournal.Journal, name string) <-chan uint64 {
	ctx, cancel := context.WithCancel(t.Context())
	got, ended := make(chan uint64, 100), make(chan error, 1)
	go func() {
		ended <- j.Follow(ctx, name, func(_ context.Context, s journal.Stored) error {
			got <- s.Revision
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return got
}

func awaitReader(t *testing.T, js jetstream.JetStream, name string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := js.Consumer(t.Context(), natsjournal.Stream, name); err == nil {
			return
		}
	}
	t.Fatal("the reader's consumer never came")
}

func expect(t *testing.T, got <-chan uint64, want ...uint64) {
	t.Helper()
	for _, w := range want {
		select {
		case g := <-got:
			if g != w {
				t.Fatalf("revision %d came, want %d", g, w)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("revision %d did not come", w)
		}
	}
	select {
	case g := <-got:
		t.Fatalf("revision %d came after the end", g)
	case <-time.After(200 * time.Millisecond):
	}
}

// extend appends n records and answers their revisions.
func extend(t *testing.T, j *natsjournal.Journal, n int) (revisions []uint64) {
	t.Helper()
	head, err := j.Head(t.Context(), "a")
	for i := 0; i < n && err == nil; i++ {
		head, err = j.Append(t.Context(), head, record("a", i))
		revisions = append(revisions, head.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	return revisions
}

func TestFollowOutlivesItsConsumer(t *testing.T) {
	js := server(t, cluster.Config{}).JetStream()
	j := open(t, js, natsjournal.Config{})
	j.SetTimes(time.Second, time.Second)
	extend(t, j, 2)
	got := reading(t, j, "reader")
	awaitReader(t, js, "reader")
	expect(t, got, extend(t, j, 3)...)
	for range 2 {
		if err := js.DeleteConsumer(t.Context(), natsjournal.Stream, "reader"); err != nil {
			t.Fatal(err)
		}
		expect(t, got, extend(t, j, 3)...)
		awaitReader(t, js, "reader")
	}
}

// A consumer that vanishes before its reader has read anything must not begin at
// the new end of the journal.
func TestFollowOutlivesItsConsumerBeforeTheFirstRecord(t *testing.T) {
	js := server(t, cluster.Config{}).JetStream()
	j := open(t, js, natsjournal.Config{})
	j.SetTimes(time.Second, time.Second)
	extend(t, j, 2)
	got := reading(t, j, "reader")
	awaitReader(t, js, "reader")
	if err := js.DeleteConsumer(t.Context(), natsjournal.Stream, "reader"); err != nil {
		t.Fatal(err)
	}
	expect(t, got, extend(t, j, 2)...)
}

func TestFollowOutlivesALostConnection(t *testing.T) {
	j, p, witness := lossy(t)
	j.SetAckWait(time.Second)
	got := reading(t, j, "reader")
	head := extend(t, witness, 1) // may come before the reader
	for attached := false; !attached; {
		select {
		case r := <-got:
			attached = r == head[0]
		case <-time.After(300 * time.Millisecond):
			head = extend(t, witness, 1)
		}
	}
	p.cut()
	expect(t, got, extend(t, witness, 3)...)
}

// A reader slower than the server's patience keeps its record.
func TestSlowReaderIsNotRepeated(t *testing.T) {
	js := server(t, cluster.Config{}).JetStream()
	j := open(t, js, natsjournal.Config{})
	j.SetAckWait(300 * time.Millisecond)
	calls := make(chan uint64, 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- j.Follow(ctx, "slow", func(_ context.Context, s journal.Stored) error {
			calls <- s.Revision
			time.Sleep(time.Second)
			return nil
		})
	}()
	awaitReader(t, js, "slow")
	for _, want := range extend(t, j, 2) {
		if got := <-calls; got != want {
			t.Errorf("revision %d, want %d", got, want)
		}
	}
	cancel()
	<-ended
	if len(calls) > 0 {
		t.Errorf("%d calls too many", len(calls))
	}
}
