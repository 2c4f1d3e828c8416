package triggers

import "time"

// DeadLetter is something that came in and could not be used. It is kept with its
// reason until somebody looks, or requeues it.
type DeadLetter struct {
	Seq    uint64 // its position among the dead letters; 0 until it is stored
	At     time.Time
	Code   DeadCode
	Reason string // one sentence
	// Subject is where the body was, or would have been, published; empty when
	// nobody can say. Source is the door, Origin the sequence in the events
	// stream (0: it never got there).
	Subject, Source string
	Origin          uint64
	Header          map[string][]string
	Body            []byte
}

// DeadCode is the kind of a dead letter's reason; it is a token of its subject.
type DeadCode string

// The kinds of reason.
const (
	DeadUndecodable DeadCode = "undecodable" // it can not be read
	DeadUnresolved  DeadCode = "unresolved"  // its target is not configured, or not named
	DeadCrashed     DeadCode = "crashed"     // reading it made Ripcord panic
)
