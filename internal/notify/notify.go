// Package notify says what people are told. A Message is made from an incident
// as the journal has it, purely; the folders below say it in Slack and elsewhere.
package notify

import (
	"context"
	"time"

	"github.com/ripcord-dev/ripcord/internal/incident"
)

// Update is one record of the journal as a notifier meets it: the incident after
// it and the transitions that led there.
type Update struct {
	Target   string
	Incident *incident.Incident // nil for entries of no incident (held, frozen)
	Entries  []incident.Entry
	At       time.Time
	// Latest tells that no newer record of the target is known: only then is the
	// head of a message rewritten.
	Latest bool
}

// A Notifier tells people. Notify is called in the journal's order, at least
// once for each update; what it said before is in the incident's Posts. An error
// means: again, later. It never holds up a decision.
type Notifier interface {
	Name() string
	Notify(ctx context.Context, u Update) error
}

// Confirm writes a confirmed message into the journal, so that a later update
// finds it.
type Confirm func(ctx context.Context, target, incidentID, notifier string, post incident.Post) error
