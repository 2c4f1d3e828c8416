// Package journaltest is what every journal must do, as tests. The suite asks for
// nothing but the interface, and for a way to write what another build could
// have left behind.
package journaltest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/internal/journal"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// Injector is what the journal under test must have beside the interface: it
// writes bytes as the next record of a target, whatever they are, and answers the
// revision.
type Injector interface {
	Inject(ctx context.Context, target string, encoded []byte) (uint64, error)
}

// Run tests the journals that open makes: each call must give an empty one, and
// must see to its end with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) journal.Journal) {
	cases := []struct {
		name string
		test func(t *testing.T, j journal.Journal)
	}{
		{"a target without records has an empty head", emptyHead},
		{"a record is read back as it was appended", appendAndRead},
		{"only one of two writers at the same head is first", oneWriterWins},
		{"writers of different targets do not disturb each other", manyTargets},
		{"what cannot be a record is refused", refused},
		{"a record over the limit is refused and leaves no trace", tooLarge},
		{"a record that asks for a newer build is read and not followed up", tooNew},
		{"fields of a newer build are passed over and count in the hash", unknownFields},
		{"every record carries the hash of the one before it", chain},
		{"verify shows a record that was slipped in", brokenChain},
		{"read keeps order, filter and bounds", readBounds},
		{"read ends at the reader's error", readError},
		{"a new follower starts at the end and keeps order", followOrder},
		{"a follower resumes under its name", followResumes},
		{"two names are two readers", followNames},
		{"a record comes again after an error, before those after it", followRetries},
		{"a cancelled call is prompt", cancelled},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// record is a record of a target that can be told from others by its number.
func record(target string, n int) journal.Record {
	return journal.Record{
		Target: target, At: time.Date(2026, 11, 24, 10, 0, n, 0, time.UTC), Writer: "suite",
		Entries: json.RawMessage(fmt.Sprintf(`[{"n":%d}]`, n)), State: json.RawMessage(fmt.Sprintf(`{"n":%d,"text":"a < b"}`, n)),
	}
}

func number(t *testing.T, r journal.Record) int {
	t.Helper()
	var state struct{ N int }
	if err := json.Unmarshal(r.State, &state); err != nil {
		t.Fatalf("state of a record: %v", err)
	}
	return state.N
}

// grow appends records first … last to a target and returns the head.
func grow(t *testing.T, j journal.Journal, target string, first, last int) journal.Head {
	t.Helper()
	head, err := j.Head(t.Context(), target)
	for n := first; err == nil && n <= last; n++ {
		head, err = j.Append(t.Context(), head, record(target, n))
	}
	if err != nil {
		t.Fatalf("append to %s: %v", target, err)
	}
	return head
}

func inject(t *testing.T, j journal.Journal, target, encoded string) uint64 {
	t.Helper()
	injector, ok := j.(Injector)
	if !ok {
		t.Fatalf("%T has no Inject: the suite cannot write what another build would", j)
	}
	revision, err := injector.Inject(t.Context(), target, []byte(encoded))
	if err != nil {
		t.Fatalf("inject: %v", err)
	}
	return revision
}

func collect(t *testing.T, j journal.Journal, target string, from uint64) []journal.Stored {
	t.Helper()
	var all []journal.Stored
	err := j.Read(t.Context(), target, from, func(s journal.Stored) error {
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return all
}
