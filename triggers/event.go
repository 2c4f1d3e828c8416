// Package triggers is the inbound side: what an event is, how the shapes that
// reach Ripcord are decoded into it, and what a source of events promises.
//
// Everything here is pure. The adapters that hold connections live in the
// folders below (jetstream, httpin, replay).
package triggers

import (
	"context"
	"time"
)

// The event types that Ripcord itself gives a meaning to. All others belong to
// the users and mean what their rule files say.
const (
	TypeAlert   = "alert"   // somebody else's finding: an Alertmanager alert
	TypeRelease = "release" // a version of a target went live
	TypeTick    = "tick"    // the log was idle: evaluate what time alone changes
)

// TargetAll is the target token of events that belong to no target (ticks). It
// can not be a configured target's name, because those have no leading
// underscore.
const TargetAll = "_all"

// Event is one observation about a release of a target.
type Event struct {
	// ID and Source identify the event: two events with both equal are the same
	// one. Decoding fills an empty ID from the stream sequence and the index in
	// the message, which is stable under redelivery.
	ID, Source string
	// Type says which signal the event feeds, Target which configured target it
	// is about.
	Type, Target string
	// Version is the release that produced it (the one that served, not the one
	// live when a label or a complaint arrives). Empty means: whatever served at
	// Time.
	Version string
	// Time is when it happened, by the sender's clock. Decoding falls back to
	// the store time.
	Time time.Time
	// Fields are the flat data: numbers, strings, booleans; one nested level is
	// joined with a dot. They are decoded only where a rule reads them.
	Fields Fields
}

// Sink takes events; nil means that they can not be lost any more.
type Sink func(ctx context.Context, events []Event) error

// A Trigger feeds sink until ctx ends and acknowledges only what sink took. It
// returns nil when ctx ended and an error when it can not go on.
type Trigger interface {
	Run(ctx context.Context, sink Sink) error
}

// Message is one stored message of the events stream, as any reader sees it.
type Message struct {
	// Seq and Stored are the log's own: the position, and the store time that is
	// the stream time once it has been forced monotone.
	Seq    uint64
	Stored time.Time
	// Type and Target come from the subject, ripcord.events.<type>.<target>.
	Type, Target string
	// Header holds the CloudEvents attributes of the binary mode and the content
	// type. Keys are matched without regard to case, values hold one entry.
	Header map[string][]string
	Body   []byte
}
