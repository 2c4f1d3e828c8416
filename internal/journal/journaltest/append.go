package journaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/internal/journal"
)

func emptyHead(t *testing.T, j journal.Journal) {
	head, err := j.Head(t.Context(), "nobody")
	if err != nil || head.Revision != 0 || head.Hash != "" {
		t.Errorf("head = %+v, %v; want an empty one and no error", head, err)
	}
	names, err := j.Targets(t.Context())
	if err != nil || len(names) != 0 {
		t.Errorf("targets = %v, %v; want none", names, err)
	}
}

func appendAndRead(t *testing.T, j journal.Journal) {
	ctx := t.Context()
	want, err := j.Append(ctx, journal.Head{}, record("fraud-scorer", 1))
	if err != nil {
		t.Fatal(err)
	}
	if r := want.Record; r.Schema != journal.Schema || r.MinReader != journal.MinReader || r.Txn == "" || r.Prev != "" {
		t.Errorf("appended record %+v: schema, min_reader, txn or prev is wrong", r)
	}
	got, err := j.Head(ctx, "fraud-scorer")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("head differs from what append answered:\n%s", diff)
	}
	next, err := j.Append(ctx, got, record("fraud-scorer", 2))
	if err != nil {
		t.Fatal(err)
	}
	if next.Revision <= want.Revision || next.Record.Prev != want.Hash || next.Record.Txn == want.Record.Txn {
		t.Errorf("second record %+v does not follow the first %+v", next, want)
	}
}

// oneWriterWins lets writers meet at one head, round after round.
func oneWriterWins(t *testing.T, j journal.Journal) {
	const rounds, writers = 10, 4
	head := journal.Head{}
	for round := range rounds {
		heads, errs := make([]journal.Head, writers), make([]error, writers)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				heads[w], errs[w] = j.Append(t.Context(), head, record("contested", round*writers+w))
			})
		}
		all.Wait()
		winner := -1
		for w, err := range errs {
			switch {
			case err == nil && winner < 0:
				winner = w
			case err == nil:
				t.Fatalf("round %d: two writers were first", round)
			case !errors.Is(err, journal.ErrConflict):
				t.Fatalf("round %d: a loser got %v, want ErrConflict", round, err)
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody was first: %v", round, errs)
		}
		head = heads[winner]
	}
	if n := len(collect(t, j, "contested", 0)); n != rounds {
		t.Errorf("%d records, want %d", n, rounds)
	}
	if _, err := j.Append(t.Context(), journal.Head{}, record("contested", 99)); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("append at an empty head of a target with records: %v, want ErrConflict", err)
	}
}

func manyTargets(t *testing.T, j journal.Journal) {
	const targets, records = 6, 10
	var all sync.WaitGroup
	var want []string
	for i := range targets {
		name := fmt.Sprintf("target.%d/prod", i)
		want = append(want, name)
		all.Go(func() {
			head, err := journal.Head{}, error(nil)
			for n := 0; n < records && err == nil; n++ {
				head, err = j.Append(t.Context(), head, record(name, n))
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
	got, err := j.Targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("targets differ:\n%s", diff)
	}
	report, err := journal.Verify(t.Context(), j)
	if err != nil || report.Break != nil || report.Records != targets*records || report.Targets != targets {
		t.Errorf("verify = %+v, %v", report, err)
	}
}

func refused(t *testing.T, j journal.Journal) {
	head := grow(t, j, "a", 1, 1)
	strip := func(change func(*journal.Record)) journal.Record {
		r := record("a", 2)
		change(&r)
		return r
	}
	for name, r := range map[string]journal.Record{
		"no target":      strip(func(r *journal.Record) { r.Target = "" }),
		"another target": strip(func(r *journal.Record) { r.Target = "b" }),
		"no entries":     strip(func(r *journal.Record) { r.Entries = nil }),
		"no state":       strip(func(r *journal.Record) { r.State = nil }),
		"no JSON":        strip(func(r *journal.Record) { r.State = json.RawMessage("{") }),
	} {
		if _, err := j.Append(t.Context(), head, r); err == nil {
			t.Errorf("%s: appended", name)
		}
	}
	if n := len(collect(t, j, "", 0)); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

func tooLarge(t *testing.T, j journal.Journal) {
	head := grow(t, j, "big", 1, 1)
	r := record("big", 2)
	r.State = json.RawMessage(`"` + strings.Repeat("x", journal.MaxRecord) + `"`)
	if _, err := j.Append(t.Context(), head, r); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("append = %v, want ErrTooLarge", err)
	}
	r.State = json.RawMessage(`"` + strings.Repeat("x", journal.MaxRecord-1000) + `"`)
	next, err := j.Append(t.Context(), head, r)
	if err != nil {
		t.Fatalf("append of a record just under the limit: %v", err)
	}
	if got := collect(t, j, "big", head.Revision); len(got) != 1 || got[0].Hash != next.Hash {
		t.Errorf("%d records after the first, want the one under the limit", len(got))
	}
}

func tooNew(t *testing.T, j journal.Journal) {
	revision := inject(t, j, "a", fmt.Sprintf(`{"schema":%d,"min_reader":%d,"target":"a","at":"2030-01-01T00:00:00Z","writer":"later",`+
		`"txn":"T","entries":[{"n":1}],"state":{"n":1}}`, journal.Schema+1, journal.Schema+1))
	head, err := j.Head(t.Context(), "a")
	if err != nil || head.Revision != revision || head.Record.MinReader != journal.Schema+1 {
		t.Fatalf("head = %+v, %v; a newer record must stay readable", head, err)
	}
	if _, err := j.Append(t.Context(), head, record("a", 2)); !errors.Is(err, journal.ErrTooNew) {
		t.Errorf("append after it = %v, want ErrTooNew", err)
	}
}

func unknownFields(t *testing.T, j journal.Journal) {
	const form = `{"schema":2,"min_reader":1,"target":"a","at":"2030-01-01T00:00:00Z","writer":"later","txn":"T",` +
		`"mood":%q,"entries":[{"n":1,"colour":"red"}],"state":{"n":1,"new_part":{"deep":[1,2]}}}`
	inject(t, j, "a", fmt.Sprintf(form, "good"))
	inject(t, j, "b", fmt.Sprintf(strings.ReplaceAll(form, `"target":"a"`, `"target":"b"`), "bad"))
	all := collect(t, j, "", 0)
	if len(all) != 2 {
		t.Fatalf("%d records, want 2", len(all))
	}
	if all[0].Hash == all[1].Hash || all[0].Hash == "" {
		t.Errorf("hashes %q and %q", all[0].Hash, all[1].Hash)
	}
	if got, want := string(all[0].Record.State), `{"n":1,"new_part":{"deep":[1,2]}}`; got != want {
		t.Errorf("state = %s, want it untouched: %s", got, want)
	}
	next := grow(t, j, "a", 2, 2)
	if next.Record.Prev != all[0].Hash {
		t.Errorf("the next record follows %q, want the hash of the stored bytes %q", next.Record.Prev, all[0].Hash)
	}
}

func chain(t *testing.T, j journal.Journal) {
	grow(t, j, "a", 1, 5)
	grow(t, j, "b", 1, 3)
	grow(t, j, "a", 6, 8)
	prev := ""
	for _, s := range collect(t, j, "a", 0) {
		encoded, err := json.Marshal(s.Record)
		if err != nil {
			t.Fatal(err)
		}
		if _, hash, err := journal.Decode(encoded); err != nil || hash != s.Hash {
			t.Errorf("revision %d: hash %q, recomputed %q, %v", s.Revision, s.Hash, hash, err)
		}
		if s.Record.Prev != prev {
			t.Errorf("revision %d follows %q, want %q", s.Revision, s.Record.Prev, prev)
		}
		prev = s.Hash
	}
	report, err := journal.Verify(t.Context(), j)
	if want := (journal.Report{Records: 11, Targets: 2, Last: report.Last}); err != nil || !cmp.Equal(report, want) {
		t.Errorf("verify = %+v, %v; want %+v", report, err, want)
	}
}

func brokenChain(t *testing.T, j journal.Journal) {
	head := grow(t, j, "a", 1, 2)
	forged := record("a", 3)
	forged.Schema, forged.MinReader, forged.Txn, forged.Prev = journal.Schema, journal.MinReader, "forged", strings.Repeat("0", 64)
	encoded, _, err := journal.Encode(forged)
	if err != nil {
		t.Fatal(err)
	}
	revision := inject(t, j, "a", string(encoded))
	grow(t, j, "a", 4, 4)
	report, err := journal.Verify(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	want := &journal.Break{Target: "a", Revision: revision, Computed: head.Hash, Recorded: forged.Prev}
	if diff := cmp.Diff(want, report.Break); diff != "" {
		t.Errorf("break differs:\n%s", diff)
	}
	if report.Records != 4 {
		t.Errorf("%d records, want all 4 counted", report.Records)
	}
}

func readBounds(t *testing.T, j journal.Journal) {
	if all := collect(t, j, "", 0); len(all) != 0 {
		t.Errorf("an empty journal has %d records", len(all))
	}
	a := grow(t, j, "a", 1, 3)
	grow(t, j, "b", 11, 12)
	end := grow(t, j, "a", 4, 5)
	b := grow(t, j, "b", 13, 14)
	for _, c := range []struct {
		name, target string
		from         uint64
		want         []int
	}{
		{"all", "", 0, []int{1, 2, 3, 11, 12, 4, 5, 13, 14}},
		{"all after a revision", "", a.Revision, []int{11, 12, 4, 5, 13, 14}},
		{"one target, whose last record is not the stream's", "a", 0, []int{1, 2, 3, 4, 5}},
		{"one target after a revision", "a", a.Revision, []int{4, 5}},
		{"one target with nothing more", "a", end.Revision, nil},
		{"a target without records", "c", 0, nil},
		{"all with nothing more", "", b.Revision, nil},
		{"after the end", "", b.Revision + 100, nil},
	} {
		var got []int
		last := uint64(0)
		for _, s := range collect(t, j, c.target, c.from) {
			if s.Revision <= last {
				t.Errorf("%s: revision %d after %d", c.name, s.Revision, last)
			}
			last = s.Revision
			got = append(got, number(t, s.Record))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func readError(t *testing.T, j journal.Journal) {
	grow(t, j, "a", 1, 3)
	stop, calls := errors.New("enough"), 0
	err := j.Read(t.Context(), "", 0, func(journal.Stored) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("read = %v after %d calls, want the reader's error after 1", err, calls)
	}
}

func cancelled(t *testing.T, j journal.Journal) {
	head := grow(t, j, "a", 1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"head":    func() error { _, err := j.Head(ctx, "a"); return err },
		"targets": func() error { _, err := j.Targets(ctx); return err },
		"append":  func() error { _, err := j.Append(ctx, head, record("a", 2)); return err },
		"read":    func() error { return j.Read(ctx, "", 0, func(journal.Stored) error { return nil }) },
		"follow": func() error {
			return j.Follow(ctx, "reader", func(context.Context, journal.Stored) error { return nil })
		},
	} {
		done := make(chan error, 1)
		go func() { done <- call() }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s with a cancelled context has no error", name)
			}
		case <-time.After(patience):
			t.Fatalf("%s does not return when cancelled", name)
		}
	}
}
