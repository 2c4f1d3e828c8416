package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/journal/natsjournal"
)

// watching runs the watch until the test ends.
func watching(t *testing.T, c *cluster.Cluster, every time.Duration) {
	c.SetPace(every)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within %s: %s", within, what)
}

func TestFloorIsTold(t *testing.T) {
	cfg := config(t, t.TempDir())
	cfg.MinFree = 1 << 60
	err := open(t, cfg).Ready()
	if err == nil || !strings.Contains(err.Error(), "MiB free, the floor is") {
		t.Errorf("ready = %v, want the floor", err)
	}
}

// The server's JetStream gives up, as it does when the disk is full; the watch
// replaces the server and everything that was connected goes on.
func TestServerThatGaveUpIsReplaced(t *testing.T) {
	cfg := config(t, t.TempDir())
	cfg.Listen = "127.0.0.1:0"
	c := open(t, cfg)
	j, err := natsjournal.Open(t.Context(), c.JetStream(), natsjournal.Config{Logger: cfg.Logger})
	if err != nil {
		t.Fatal(err)
	}
	record := journal.Record{Target: "a", Entries: []byte(`[1]`), State: []byte(`{}`)}
	head, err := j.Append(t.Context(), journal.Head{}, record)
	if err != nil {
		t.Fatal(err)
	}
	revisions := following(t, c, j)
	url, before := c.ClientURL(), c.Server()
	if err := before.DisableJetStream(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), head, record); err == nil {
		t.Fatal("appended without JetStream")
	}
	watching(t, c, 100*time.Millisecond)
	eventually(t, 30*time.Second, "ready says why not", func() bool {
		err := c.Ready()
		return err != nil && strings.Contains(err.Error(), "does not store messages")
	})
	eventually(t, 30*time.Second, "ready again", func() bool { return c.Ready() == nil })
	if c.Server() == before || c.ClientURL() != url {
		t.Errorf("url %s, was %s; the server must be a new one at the old address", c.ClientURL(), url)
	}
	next, err := j.Append(t.Context(), head, record)
	if err != nil || next.Record.Prev != head.Hash {
		t.Errorf("append after the replacement = %+v, %v", next, err)
	}
	select {
	case got := <-revisions:
		if got != next.Revision {
			t.Errorf("the reader got revision %d, want %d", got, next.Revision)
		}
	case <-time.After(30 * time.Second):
		t.Error("the reader does not go on")
	}
	publish(t, c, 1)
}

// following is a reader of the journal, once the server knows it.
func following(t *testing.T, c *cluster.Cluster, j *natsjournal.Journal) <-chan uint64 {
	ctx, cancel := context.WithCancel(t.Context())
	got, ended := make(chan uint64, 10), make(chan error, 1)
	go func() {
		ended <- j.Follow(ctx, "reader", func(_ context.Context, s journal.Stored) error {
			got <- s.Revision
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	eventually(t, 30*time.Second, "the reader is known", func() bool {
		_, err := c.JetStream().Consumer(ctx, natsjournal.Stream, "reader")
		return err == nil
	})
	return got
}

// Closing while the watch replaces the server leaves nothing running: goleak
// looks.
func TestCloseDuringReplacement(t *testing.T) {
	c := open(t, config(t, t.TempDir()))
	watching(t, c, time.Millisecond)
	before := c.Server()
	if err := before.DisableJetStream(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the server is being replaced", func() bool { return c.Server() != before })
	c.Close()
}
