package journal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Next is the record that r becomes when it is written after head: the part of
// Append that decides. It fills Schema, MinReader, Txn and Prev, and takes At to
// UTC. ErrTooNew when a newer build wrote head and forbids this one to act on it;
// another error when r is no record (no target, no entries, no state) or
// belongs to another target than head.
func Next(head Head, r Record) (Record, error) {
	if head.Record.MinReader > Schema {
		return Record{}, fmt.Errorf("append after revision %d of %s: it asks for schema %d, this build has %d: %w",
			head.Revision, head.Record.Target, head.Record.MinReader, Schema, ErrTooNew)
	}
	switch {
	case r.Target == "":
		return Record{}, errors.New("append record: it has no target")
	case head.Revision > 0 && head.Record.Target != r.Target:
		return Record{}, fmt.Errorf("append record of %s: the head is of %s", r.Target, head.Record.Target)
	case len(r.Entries) == 0:
		return Record{}, fmt.Errorf("append record of %s: it has no entries", r.Target)
	case len(r.State) == 0:
		return Record{}, fmt.Errorf("append record of %s: it has no state", r.Target)
	}
	r.Schema, r.MinReader = Schema, MinReader
	r.Txn, r.Prev = rand.Text(), head.Hash
	r.At = r.At.UTC()
	return r, nil
}

// Encode is the record as it is stored, and the hash that the record after it
// carries: SHA-256 of those bytes in hexadecimal. ErrTooLarge over MaxRecord.
func Encode(r Record) (encoded []byte, hash string, err error) {
	encoded, err = json.Marshal(r)
	if err != nil {
		return nil, "", fmt.Errorf("encode record of %s: %w", r.Target, err)
	}
	if len(encoded) > MaxRecord {
		return nil, "", fmt.Errorf("encode record of %s: %d bytes, at most %d: %w", r.Target, len(encoded), MaxRecord, ErrTooLarge)
	}
	return encoded, hashOf(encoded), nil
}

// Decode reads a stored record and says its hash. Fields that this build does
// not know are passed over, and count in the hash.
func Decode(encoded []byte) (r Record, hash string, err error) {
	if err := json.Unmarshal(encoded, &r); err != nil {
		return Record{}, "", fmt.Errorf("decode record: %w", err)
	}
	if r.Schema < 1 || r.Target == "" {
		return Record{}, "", errors.New("decode record: it has no schema or no target")
	}
	return r, hashOf(encoded), nil
}

func hashOf(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}

// Report is what Verify found.
type Report struct {
	Records int
	Targets int
	// Last is the newest revision read.
	Last uint64
	// Break is the first place where a chain does not hold, or nil.
	Break *Break
}

// Break is a record that does not follow from the one before it.
type Break struct {
	Target   string
	Revision uint64
	// Computed is the hash of the record before it as it is stored now, empty when
	// there is none; Recorded is the hash that the record says it follows.
	Computed, Recorded string
}

// Verify reads the whole journal and recomputes every target's chain. A record
// that was changed, lost or slipped in shows as a break at the record after it;
// the newest record of a target has no witness. The error says that the journal
// could not be read to its end, never that a chain is broken.
func Verify(ctx context.Context, j Journal) (Report, error) {
	var report Report
	tips := map[string]string{}
	err := j.Read(ctx, "", 0, func(s Stored) error {
		tip := tips[s.Record.Target]
		if report.Break == nil && s.Record.Prev != tip {
			report.Break = &Break{Target: s.Record.Target, Revision: s.Revision, Computed: tip, Recorded: s.Record.Prev}
		}
		tips[s.Record.Target] = s.Hash
		report.Records++
		report.Last = s.Revision
		return nil
	})
	report.Targets = len(tips)
	if err != nil {
		return report, fmt.Errorf("verify journal: %w", err)
	}
	return report, nil
}

// RetryAfter is how long a follower waits before a record comes again whose
// reader has failed n times in a row: 200 ms doubled each time, at most 30 s.
func RetryAfter(n uint64) time.Duration {
	const first, most = 200 * time.Millisecond, 30 * time.Second
	if n > 8 {
		return most
	}
	return min(first<<(max(n, 1)-1), most)
}
