//go:build real

package cluster_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/journal/natsjournal"
)

// smallDisk is a disk of 48 MiB. The test needs root: it does not skip without.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Fatalf("mount a small disk (this test needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill takes all the room of the disk in one file and names it.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	for err = nil; err == nil; {
		_, err = f.Write([]byte{0})
	}
	return path
}

func TestFullDiskHealsByItself(t *testing.T) {
	dir := smallDisk(t)
	cfg := config(t, dir)
	cfg.MinFree = 8 << 20
	c := open(t, cfg)
	if _, err := natsjournal.Open(t.Context(), c.JetStream(), natsjournal.Config{}); err != nil {
		t.Fatal(err)
	}
	watching(t, c, 5*time.Second) // the pace of the product
	publish(t, c, 20)
	acked := uint64(20)

	filler := fill(t, dir)
	if err := c.Ready(); err == nil || !strings.Contains(err.Error(), "MiB free, the floor is 8 MiB") {
		t.Errorf("ready on a full disk = %v, want the floor", err)
	}
	failed := false
	for range 100 {
		if _, err := c.JetStream().Publish(t.Context(), cluster.EventsPrefix+"alert.a", make([]byte, 64<<10)); err != nil {
			failed = true
			break
		}
		acked++
	}
	if !failed {
		t.Fatal("a full disk takes events")
	}
	eventually(t, time.Minute, "ready tells of the canary too", func() bool {
		err := c.Ready()
		return err != nil && strings.Contains(err.Error(), "does not store messages")
	})
	time.Sleep(20 * time.Second) // long enough for a watch that restarts on a full disk to do harm

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	eventually(t, 30*time.Second, "ready after the room is back", func() bool { return c.Ready() == nil })
	t.Logf("healed %s after the room was back", time.Since(freed).Round(time.Millisecond))
	if n := events(t, c); n < acked || n > acked+1 { // the one without an answer may be there
		t.Errorf("%d events, %d were acknowledged", n, acked)
	}
	publish(t, c, 5)
}

// The disk is full just long enough for one event to fail: the canary's stream
// never notices, and the events stream takes nothing more.
func TestBrokenEventsStreamIsNoticedAndHeals(t *testing.T) {
	dir := smallDisk(t)
	c := open(t, config(t, dir))
	publish(t, c, 5)
	filler := fill(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := c.JetStream().Publish(ctx, cluster.EventsPrefix+"alert.a", make([]byte, 200<<10)); err == nil {
		t.Fatal("a full disk takes an event")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	watching(t, c, time.Second)
	eventually(t, 30*time.Second, "ready names the stream", func() bool {
		err := c.Ready()
		return err != nil && strings.Contains(err.Error(), cluster.EventsStream)
	})
	eventually(t, 30*time.Second, "ready again", func() bool { return c.Ready() == nil })
	publish(t, c, 5)
	if n := events(t, c); n < 10 || n > 11 {
		t.Errorf("%d events, 10 were acknowledged", n)
	}
}
