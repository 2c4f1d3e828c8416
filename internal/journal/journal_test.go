package journal_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/journal/journaltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journal.Journal { return journal.NewMemory() })
}

func newRecord(target string) journal.Record {
	return journal.Record{Target: target, Entries: []byte(`[1]`), State: []byte(`{}`)}
}

func TestMemoryFailures(t *testing.T) {
	ctx, m := t.Context(), journal.NewMemory()
	m.FailAppend(journal.ErrUnavailable, false)
	m.FailAppend(journal.ErrUnavailable, true)
	if _, err := m.Append(ctx, journal.Head{}, newRecord("a")); !errors.Is(err, journal.ErrUnavailable) {
		t.Fatalf("first append = %v", err)
	}
	if head, _ := m.Head(ctx, "a"); head.Revision != 0 {
		t.Fatalf("a failed append without effect left revision %d", head.Revision)
	}
	if _, err := m.Append(ctx, journal.Head{}, newRecord("a")); !errors.Is(err, journal.ErrUnavailable) {
		t.Fatalf("second append = %v", err)
	}
	head, _ := m.Head(ctx, "a")
	if head.Revision != 1 {
		t.Fatalf("a failed append with effect left revision %d, want 1", head.Revision)
	}
	if _, err := m.Append(ctx, head, newRecord("a")); err != nil {
		t.Fatalf("append after the failures = %v", err)
	}
}

// A record that nobody can read must not hold the outbox up for ever.
func TestMemoryFollowPassesOverDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := journal.NewMemory()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got := make(chan journal.Stored, 1)
		go func() {
			_ = m.Follow(ctx, "reader", func(_ context.Context, s journal.Stored) error { got <- s; return nil })
		}()
		synctest.Wait()
		_, _ = m.Inject(ctx, "a", []byte(`nonsense`))
		if _, err := m.Append(ctx, journal.Head{}, newRecord("b")); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s.Record.Target != "b" {
			t.Errorf("got %+v, want the record of b", s)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for n, want := range map[uint64]time.Duration{
		0: 200 * time.Millisecond, 1: 200 * time.Millisecond, 2: 400 * time.Millisecond,
		8: 25600 * time.Millisecond, 9: 30 * time.Second, 1 << 60: 30 * time.Second,
	} {
		if got := journal.RetryAfter(n); got != want {
			t.Errorf("RetryAfter(%d) = %s, want %s", n, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schema":1,"min_reader":1,"target":"a","at":"2026-11-24T00:00:00Z","writer":"w","txn":"t","entries":[],"state":{}}`))
	f.Add([]byte(`{"schema":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		r, hash, err := journal.Decode(encoded)
		if err != nil {
			return
		}
		if len(hash) != 64 || r.Target == "" {
			t.Errorf("decoded to %+v with hash %q", r, hash)
		}
		if len(r.Entries) > 0 && len(r.State) > 0 {
			again, _, err := journal.Encode(r)
			if err == nil {
				if _, _, err := journal.Decode(again); err != nil {
					t.Errorf("what was decoded and encoded cannot be decoded: %v", err)
				}
			}
		}
	})
}
