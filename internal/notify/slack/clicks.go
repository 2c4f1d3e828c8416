package slack

import (
	"context"
	"sync"
	"time"
)

// clicks are the answers of people that are being worked on. Slack wants its
// reply within three seconds, so the work may outlive the request.
type clicks struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
	end    context.CancelFunc // of every click
	ctx    context.Context    // the notifier's life, not a call's
}

// patience bounds the work on one click.
const patience = 30 * time.Second

func newClicks() *clicks {
	ctx, end := context.WithCancel(context.Background())
	return &clicks{ctx: ctx, end: end}
}

// do runs f and closes done when it is over; done is nil when no more clicks are
// taken.
func (c *clicks) do(f func(context.Context)) (done chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	done = make(chan struct{})
	c.wg.Go(func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(c.ctx, patience)
		defer cancel()
		f(ctx)
	})
	return done
}

func (c *clicks) close(ctx context.Context) {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	defer context.AfterFunc(ctx, c.end)()
	c.wg.Wait()
	c.end()
}
