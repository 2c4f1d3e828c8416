package journaltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/internal/journal"
)

// follower is a Follow that runs, with what it delivered.
type follower struct {
	t      *testing.T
	got    chan journal.Stored
	stop   context.CancelFunc
	ended  chan error
	before func(journal.Stored) error // nil: every record is read at once
}

const probe = "probe"

// follow starts a follower under name. before, if any, says whether a record was
// read; records of the probe are always read.
func follow(t *testing.T, j journal.Journal, name string, before func(journal.Stored) error) *follower {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	f := &follower{t: t, got: make(chan journal.Stored, 1000), stop: stop, ended: make(chan error, 1), before: before}
	go func() { f.ended <- j.Follow(ctx, name, f.take) }()
	t.Cleanup(stop)
	return f
}

func (f *follower) take(_ context.Context, s journal.Stored) error {
	if f.before != nil && s.Record.Target != probe {
		if err := f.before(s); err != nil {
			return err
		}
	}
	f.got <- s
	return nil
}

// attached appends probes until one arrives: from then on nothing may be missed.
// A name that is new has no other way to say that it has begun.
func (f *follower) attached(j journal.Journal) *follower {
	f.t.Helper()
	deadline := time.Now().Add(patience)
	for n := 0; time.Now().Before(deadline); n++ {
		last := grow(f.t, j, probe, n, n).Revision
		timer := time.After(500 * time.Millisecond)
		for waiting := true; waiting; {
			select {
			case s := <-f.got:
				if s.Revision == last {
					return f
				}
			case <-timer:
				waiting = false
			}
		}
	}
	f.t.Fatal("a new follower never received a record")
	return nil
}

// next waits for n records that are not probes.
func (f *follower) next(n int) []journal.Stored {
	f.t.Helper()
	var all []journal.Stored
	for len(all) < n {
		select {
		case s := <-f.got:
			if s.Record.Target != probe {
				all = append(all, s)
			}
		case err := <-f.ended:
			f.t.Fatalf("the follower ended with %v after %d of %d records", err, len(all), n)
		case <-time.After(patience):
			f.t.Fatalf("%d of %d records came", len(all), n)
		}
	}
	return all
}

// end stops the follower and waits for it.
func (f *follower) end() {
	f.t.Helper()
	f.stop()
	select {
	case err := <-f.ended:
		if !errors.Is(err, context.Canceled) {
			f.t.Errorf("follow ended with %v, want the context's error", err)
		}
	case <-time.After(patience):
		f.t.Fatal("follow does not end when cancelled")
	}
}

func numbers(t *testing.T, all []journal.Stored) (ns []int) {
	t.Helper()
	for _, s := range all {
		ns = append(ns, number(t, s.Record))
	}
	return ns
}

func followOrder(t *testing.T, j journal.Journal) {
	grow(t, j, "old", 1, 3)
	f := follow(t, j, "reader", nil).attached(j)
	grow(t, j, "a", 1, 4)
	grow(t, j, "b", 5, 6)
	got := f.next(6)
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6}, numbers(t, got)); diff != "" {
		t.Errorf("records differ:\n%s", diff)
	}
	head, err := j.Head(t.Context(), "b")
	if err != nil || got[5].Revision != head.Revision || got[5].Hash != head.Hash {
		t.Errorf("the last record is revision %d hash %s, the head is %+v, %v", got[5].Revision, got[5].Hash, head, err)
	}
	f.end()
}

func followResumes(t *testing.T, j journal.Journal) {
	f := follow(t, j, "notify slack.C0/1", nil).attached(j)
	grow(t, j, "a", 1, 2)
	f.next(2)
	f.end()
	grow(t, j, "a", 3, 5)
	f = follow(t, j, "notify slack.C0/1", nil)
	if diff := cmp.Diff([]int{3, 4, 5}, numbers(t, f.next(3))); diff != "" {
		t.Errorf("records after the pause differ:\n%s", diff)
	}
	f.end()
}

func followNames(t *testing.T, j journal.Journal) {
	one := follow(t, j, "one", nil).attached(j)
	two := follow(t, j, "two", nil).attached(j)
	grow(t, j, "a", 1, 3)
	for _, f := range []*follower{one, two} {
		if diff := cmp.Diff([]int{1, 2, 3}, numbers(t, f.next(3))); diff != "" {
			t.Errorf("records differ:\n%s", diff)
		}
		f.end()
	}
}

func followRetries(t *testing.T, j journal.Journal) {
	failures := 0
	f := follow(t, j, "reader", func(s journal.Stored) error {
		if s.Record.Target == "a" && number(t, s.Record) == 2 && failures < 2 {
			failures++
			return errors.New("not now")
		}
		return nil
	}).attached(j)
	grow(t, j, "a", 1, 4)
	if diff := cmp.Diff([]int{1, 2, 3, 4}, numbers(t, f.next(4))); diff != "" {
		t.Errorf("records differ:\n%s", diff)
	}
	f.end()
	if failures != 2 {
		t.Errorf("the record failed %d times, want 2", failures)
	}
}
