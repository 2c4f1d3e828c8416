// Package journal is Ripcord's memory: one log of transitions per target, in
// which the last record is the state, all records are the audit trail, and a
// durable reader of them is the outbox.
//
// A record is written by compare-and-set on the target's last revision, so of two
// writers one is first and the other is told. Every record carries the hash of
// the record before it in its target's chain. The package knows bytes and
// chains; what a record means is the business of package incident.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Schema is the version of the record's form that this build writes; MinReader
// is the oldest build's schema that may act on what it writes.
const (
	Schema    = 1
	MinReader = 1
)

// MaxRecord is the largest encoded record in bytes.
const MaxRecord = 256 << 10

// Errors that callers branch on.
var (
	// ErrConflict says that somebody else has written first: read, decide again.
	ErrConflict = errors.New("the journal has a newer record")
	// ErrUnavailable says that nothing was written and nobody can say what stands
	// there: retry later, start nothing.
	ErrUnavailable = errors.New("the journal is not available")
	// ErrTooLarge says that the record is over MaxRecord.
	ErrTooLarge = errors.New("the record is too large")
	// ErrTooNew says that a newer build wrote the record: this one may read it
	// and must not act on it.
	ErrTooNew = errors.New("the journal was written by a newer ripcord")
)

// Record is one message of the journal.
type Record struct {
	Schema    int       `json:"schema"`
	MinReader int       `json:"min_reader"`
	Target    string    `json:"target"`
	At        time.Time `json:"at"`
	Writer    string    `json:"writer"` // host, process and build, for people
	// Txn is new for every record: after a lost answer the writer knows its own.
	Txn string `json:"txn"`
	// Prev is the hash of the encoded record before it; empty in the first.
	Prev string `json:"prev,omitempty"`
	// Entries are the transitions of this record, in order: at least one.
	Entries json.RawMessage `json:"entries"`
	// State is the whole new state of the target.
	State json.RawMessage `json:"state"`
}

// Head is the last record of a target and where it stands. Revision is 0 when
// there is none.
type Head struct {
	Revision uint64
	Hash     string // of the encoded record
	Record   Record
}

// Stored is a record as a reader of the history meets it.
type Stored struct {
	Revision uint64
	Hash     string
	Record   Record
}

// Journal is the store. natsjournal is the real one, memory its twin; both pass
// journaltest.
type Journal interface {
	// Head reads the target's last record, from the leader. No record is no
	// error.
	Head(ctx context.Context, target string) (Head, error)
	// Targets lists the names that have records.
	Targets(ctx context.Context) ([]string, error)
	// Append writes the next record after head. It fills Schema, MinReader, Txn
	// and Prev. It returns the new head; ErrConflict when head is not the last any
	// more; ErrUnavailable when nobody can say. It never returns while the outcome
	// is open: after a lost answer it reads until it knows, or ctx ends.
	Append(ctx context.Context, head Head, r Record) (Head, error)
	// Read calls fn for every record after revision from, oldest first, of one
	// target or of all (target empty), up to the end as it is now.
	Read(ctx context.Context, target string, from uint64, fn func(Stored) error) error
	// Follow calls fn for every record, oldest first, those to come included,
	// until ctx ends. The reader is durable under its name: a record counts as
	// read when fn returned nil; after an error it comes again. A name that is new
	// starts at the end of the journal.
	Follow(ctx context.Context, name string, fn func(context.Context, Stored) error) error
}
