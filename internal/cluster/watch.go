package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

const (
	canaryEvery = 5 * time.Second
	// canarySize is a page of a disk, so that storing one needs new room.
	canarySize = 4 << 10
	// failuresToRestart is how many canaries in a row must fail before the embedded
	// server is replaced.
	failuresToRestart = 3
)

// watch is what the last looks at the log have found.
type watch struct {
	every    time.Duration
	mu       sync.Mutex
	canary   error
	failures int
}

func newWatch() watch {
	return watch{every: canaryEvery, canary: errors.New("nothing has been stored yet")}
}

// Run stores a canary every five seconds until ctx ends, and answers ctx's error;
// an embedded server is also asked whether each of its streams can be written. A
// stream whose disk was full takes nothing more even when there is room again:
// after three failures in a row the embedded server is replaced by a new one on
// the same directory, at most every three failures, and only when the disk has
// room to start it. Clients reconnect by themselves.
func (c *Cluster) Run(ctx context.Context) error {
	tick := time.NewTicker(c.watch.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if c.look(ctx) < failuresToRestart || ctx.Err() != nil || c.embedded == nil {
			continue
		}
		c.heal(ctx)
	}
}

// look stores a canary, asks for the streams, and says how many looks in a row
// have failed.
func (c *Cluster) look(ctx context.Context) int {
	err := errors.Join(c.storeCanary(ctx), c.embedded.health())
	if ctx.Err() != nil {
		return 0
	}
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failures++
		if w.canary == nil || w.failures == failuresToRestart {
			c.log.Error().Err(err).Int("failures", w.failures).Msg("the events log does not store messages")
		}
	} else {
		if w.failures > 0 {
			c.log.Warn().Int("failures", w.failures).Msg("the events log stores messages again")
		}
		w.failures = 0
	}
	w.canary = err
	return w.failures
}

func (c *Cluster) storeCanary(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err := c.js.Publish(ctx, canarySubject, make([]byte, canarySize), jetstream.WithExpectStream(CanaryStream), jetstream.WithRetryAttempts(0))
	return err
}

// heal restarts the embedded server when there is room for it.
func (c *Cluster) heal(ctx context.Context) {
	free, err := freeBytes(c.cfg.Dir)
	if err == nil && free < c.cfg.MinFree/8 {
		return
	}
	c.log.Error().Int64("free_bytes", free).Msg("restarting the embedded NATS server")
	if err := c.embedded.restart(); err != nil {
		c.log.Error().Err(err).Msg("the embedded NATS server does not start again")
		return
	}
	c.watch.mu.Lock()
	c.watch.failures = 0
	c.watch.mu.Unlock()
	c.awaitConnection(ctx)
	c.look(ctx)
}

// awaitConnection waits a moment for the client to find the new server.
func (c *Cluster) awaitConnection(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for c.conn.Status() != nats.CONNECTED && ctx.Err() == nil {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// Ready is nil when events can be taken in: the server is there and new enough,
// the last canary was stored, and the disk of an embedded server is above its
// floor. Else it says why not, every reason. Whether an external server syncs each
// write cannot be seen from a client; doctor says how to look.
func (c *Cluster) Ready() error {
	c.watch.mu.Lock()
	canary := c.watch.canary
	c.watch.mu.Unlock()
	var reasons []error
	if status := c.conn.Status(); status != nats.CONNECTED {
		reasons = append(reasons, fmt.Errorf("the connection to NATS is %s", status))
	} else if err := checkVersion(c.conn.ConnectedServerVersion()); err != nil {
		reasons = append(reasons, err)
	}
	if canary != nil {
		reasons = append(reasons, fmt.Errorf("the events log does not store messages: %w", canary))
	}
	if c.embedded != nil {
		reasons = append(reasons, c.floor())
	}
	return errors.Join(reasons...)
}

// floor says when the disk has less room than it must.
func (c *Cluster) floor() error {
	free, err := freeBytes(c.cfg.Dir)
	if err != nil {
		return err
	}
	if free < c.cfg.MinFree {
		return fmt.Errorf("the disk of %s has %d MiB free, the floor is %d MiB", c.cfg.Dir, free>>20, c.cfg.MinFree>>20)
	}
	return nil
}

// freeBytes is the room on a directory's disk for this user.
func freeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask for the free room of %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
