package httpin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

// linger is how long a batch waits behind a publish that is under way. The first
// batch of an idle subject does not wait.
const linger = 2 * time.Millisecond

// batcher joins the lines that requests want stored under one subject at one
// moment into one message, because each message costs one fsync. Callers wait for
// the message that holds their lines.
type batcher struct {
	publish Publish
	metrics *metrics

	mu    sync.Mutex
	lanes map[string]*lane // by subject; only those with something under way
}

// lane is one subject. Its batches are published in the order in which they were
// opened, one or more at a time.
type lane struct {
	open    *batch // takes lines; nil: none
	flights int    // publishes under way
}

// batch becomes one message. done is closed when err says what became of it.
type batch struct {
	body  []byte
	lines int
	done  chan struct{}
	err   error
}

// ticket is a caller's share of a batch.
type ticket struct{ batch *batch }

// wait returns nil when the batch is stored. When ctx ends first nobody can say.
func (t ticket) wait(ctx context.Context) error {
	select {
	case <-t.batch.done:
		return t.batch.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the store: %w", context.Cause(ctx))
	}
}

func newBatcher(publish Publish, m *metrics) *batcher {
	return &batcher{publish: publish, metrics: m, lanes: make(map[string]*lane)}
}

// submit adds the lines to the subject's batches. Each line is shorter than
// maxMessage.
func (b *batcher) submit(subject string, lines [][]byte) []ticket {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lanes[subject]
	if l == nil {
		l = &lane{}
		b.lanes[subject] = l
	}
	var tickets []ticket
	for _, line := range lines {
		if l.open != nil && len(l.open.body)+len(line)+1 > maxMessage {
			b.flush(subject, l)
		}
		if l.open == nil {
			l.open = &batch{done: make(chan struct{})}
			if l.flights > 0 {
				b.flushLater(subject, l, l.open)
			}
		}
		l.open.body = append(append(l.open.body, line...), '\n')
		l.open.lines++
		if n := len(tickets); n == 0 || tickets[n-1].batch != l.open {
			tickets = append(tickets, ticket{l.open})
		}
	}
	if l.flights == 0 && l.open != nil {
		b.flush(subject, l)
	}
	return tickets
}

func (b *batcher) flushLater(subject string, l *lane, opened *batch) {
	time.AfterFunc(linger, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if l.open == opened {
			b.flush(subject, l)
		}
	})
}

// flush publishes the open batch in a goroutine of its own; b.mu is held.
func (b *batcher) flush(subject string, l *lane) {
	full := l.open
	l.open = nil
	l.flights++
	go func() {
		full.err = b.store(subject, full)
		close(full.done)
		b.mu.Lock()
		defer b.mu.Unlock()
		l.flights--
		if l.open != nil {
			b.flush(subject, l)
		} else if l.flights == 0 {
			delete(b.lanes, subject)
		}
	}()
}

// store publishes without the context of any caller: one that gives up does not
// take the others' events along.
func (b *batcher) store(subject string, full *batch) error {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	b.metrics.batch.Observe(float64(full.lines))
	return b.publish(ctx, subject, stored(), digest([]byte(subject), full.body), full.body)
}

// digest is the sha256 of the parts, each led by its length, in hex.
func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:", len(p)) // a hash never fails
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
