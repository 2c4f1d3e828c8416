package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/notify"
)

// Outbox follows the journal for one notifier, durably under its name: what
// could not be said is said later, in order.
type Outbox struct {
	Journal  journal.Journal
	Notifier notify.Notifier
}

// Run tells until ctx ends.
func (o Outbox) Run(ctx context.Context) error {
	return o.Journal.Follow(ctx, "notify-"+o.Notifier.Name(), o.tell)
}

func (o Outbox) tell(ctx context.Context, stored journal.Stored) error {
	if stored.Record.Target == incident.FleetName {
		return nil
	}
	update, err := o.update(ctx, stored)
	if err != nil || len(update.Entries) == 0 {
		return err
	}
	return o.Notifier.Notify(ctx, update)
}

// update is the record in the notifier's terms. Its incident is as the newest
// record has it, so that a message that was held up for an hour shows the
// present; its entries are the record's own.
func (o Outbox) update(ctx context.Context, stored journal.Stored) (notify.Update, error) {
	u := notify.Update{Target: stored.Record.Target, At: stored.Record.At}
	var entries []incident.Entry
	if err := json.Unmarshal(stored.Record.Entries, &entries); err != nil {
		return u, fmt.Errorf("read entries at revision %d: %w", stored.Revision, err)
	}
	for _, entry := range entries {
		if !entry.Quiet() {
			u.Entries = append(u.Entries, entry)
		}
	}
	if len(u.Entries) == 0 {
		return u, nil
	}
	own, err := decodeIncident(stored.Record, entries)
	if err != nil || own == nil {
		return u, err
	}
	read, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	head, err := o.Journal.Head(read, stored.Record.Target)
	if err != nil {
		return u, err
	}
	newest, err := decodeIncident(head.Record, entries)
	if err != nil {
		return u, err
	}
	u.Incident, u.Latest = own, newest != nil && newest.ID == own.ID
	if u.Latest {
		u.Incident = newest
	}
	return u, nil
}

// decodeIncident is the incident in a record's state, when the entries are about
// one.
func decodeIncident(r journal.Record, entries []incident.Entry) (*incident.Incident, error) {
	about := false
	for _, entry := range entries {
		about = about || entry.Incident != ""
	}
	if !about {
		return nil, nil
	}
	var state incident.Target
	if err := json.Unmarshal(r.State, &state); err != nil {
		return nil, fmt.Errorf("read state of %s: %w", r.Target, err)
	}
	return state.Incident, nil
}
