package httpin

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ripcord-dev/ripcord/triggers"
)

func TestRequestsThatArriveTogetherShareAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var published []string
		b := newBatcher(func(_ context.Context, _ string, _ map[string][]string, _ string, body []byte) error {
			published = append(published, strings.ReplaceAll(string(body), "\n", ""))
			time.Sleep(time.Millisecond)
			return nil
		}, newMetrics(nil))
		first := b.submit("s", [][]byte{[]byte("a")})
		var rest []ticket
		for _, line := range []string{"b", "c", "d"} {
			rest = append(rest, b.submit("s", [][]byte{[]byte(line)})...)
		}
		for _, ticket := range append(first, rest...) {
			if err := ticket.wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if got := fmt.Sprint(published); got != "[a bcd]" {
			t.Errorf("published %s", got)
		}
		if len(b.lanes) != 0 {
			t.Errorf("%d lanes are left over", len(b.lanes))
		}
	})
}

func TestABatchWaitsTwoMillisecondsForASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, stuck := time.Now(), make(chan struct{})
		var second time.Duration
		b := newBatcher(func(_ context.Context, _ string, _ map[string][]string, _ string, body []byte) error {
			if body[0] == 'a' {
				<-stuck
			} else {
				second = time.Since(begin)
			}
			return nil
		}, newMetrics(nil))
		b.submit("s", [][]byte{[]byte("a")})
		tickets := b.submit("s", [][]byte{[]byte("b")})
		if err := tickets[0].wait(t.Context()); err != nil || second != linger {
			t.Errorf("published after %s: %v", second, err)
		}
		close(stuck)
		synctest.Wait()
	})
}

func TestACallerThatGivesUpDoesNotTakeTheOthersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBatcher(func(ctx context.Context, _ string, _ map[string][]string, _ string, _ []byte) error {
			time.Sleep(time.Second)
			return ctx.Err()
		}, newMetrics(nil))
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		one, other := b.submit("s", [][]byte{[]byte("a")}), b.submit("s", [][]byte{[]byte("b")})
		if err := one[0].wait(gone); err == nil {
			t.Error("the caller that is gone was told that it is stored")
		}
		if err := other[0].wait(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

func TestBatchesKeepToTheSizeOfAMessage(t *testing.T) {
	var mu sync.Mutex
	var sizes []int
	lines := 0
	b := newBatcher(func(_ context.Context, _ string, _ map[string][]string, _ string, body []byte) error {
		mu.Lock()
		defer mu.Unlock()
		sizes = append(sizes, len(body))
		lines += bytes.Count(body, []byte("\n"))
		return nil
	}, newMetrics(nil))
	var all [][]byte
	for range 1000 {
		all = append(all, bytes.Repeat([]byte("x"), 999))
	}
	for _, ticket := range b.submit("s", all) {
		if err := ticket.wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, size := range sizes {
		if size > maxMessage {
			t.Errorf("a message of %d bytes", size)
		}
	}
	if lines != 1000 || len(sizes) != 5 {
		t.Errorf("%d lines in %d messages", lines, len(sizes))
	}
}

const benchEvent = `{"specversion":"1.0","id":"%d","source":"scorer-7","type":"prediction","time":"2026-11-23T10:00:00.120Z","data":{"target":"fraud","version":"v42","decision":"block","score":0.93,"latency_ms":41,"age_band":"18-25"}}`

// 64 clients, each with one event a request: what the door makes of it.
func BenchmarkIntake64Clients(b *testing.B) {
	s := newStore(b)
	var messages, id atomic.Int64
	in := s.intake(func(c *Config) {
		publish := c.Publish
		c.Publish = func(ctx context.Context, subject string, h map[string][]string, msgID string, body []byte) error {
			messages.Add(1)
			return publish(ctx, subject, h, msgID, body)
		}
	})
	h := in.Events()
	each(b, func() {
		if w := send(b, h, fmt.Sprintf(benchEvent, id.Add(1))); w.Code != 202 {
			b.Error(w.Code, w.Body)
		}
	})
	b.ReportMetric(float64(b.N)/float64(messages.Load()), "events/message")
}

// 64 publishers, each event a message of its own: what it is compared with.
func BenchmarkPublish64OneByOne(b *testing.B) {
	s := newStore(b)
	var id atomic.Int64
	each(b, func() {
		n := id.Add(1)
		if err := s.publish(b.Context(), triggers.Subject("prediction", "fraud"), nil, fmt.Sprint(n), fmt.Appendf(nil, benchEvent, n)); err != nil {
			b.Error(err)
		}
	})
}

func each(b *testing.B, do func()) {
	b.Helper()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				do()
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
