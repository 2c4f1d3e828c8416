package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ripcord-dev/ripcord/internal/crashpoint"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
)

// fleetRead bounds the reading of the fleet's record on the way of a decision.
const fleetRead = 5 * time.Second

// reservation is how long a place in the fleet's fuse is kept for an act that has
// not begun.
const reservation = 10 * time.Minute

// withWorld fills in what the guards must know of things outside the target. An
// input that would lead straight to an act reserves a place in the fleet first.
func (e *Engine) withWorld(ctx context.Context, p incident.Policy, s incident.Target, in incident.Input, now time.Time) incident.Input {
	if _, looksOut := incident.WorldOf(in); !looksOut {
		return in
	}
	in = incident.WithWorld(in, e.world(ctx, s, now))
	if s.Incident != nil && p.NeedsGrant(s, in) {
		in = incident.WithWorld(in, e.grant(ctx, s.Incident.ID, now))
	}
	return in
}

// world reads the switches without reserving anything.
func (e *Engine) world(ctx context.Context, s incident.Target, now time.Time) incident.World {
	fleet, _, err := e.fleet(ctx)
	if err != nil {
		return unreadable(err)
	}
	w := incident.World{Frozen: e.switchedOff(fleet, now)}
	if _, granted, why := fleet.Reserve(s.Name, now, reservation, e.cfg.Fuse); !granted {
		w.Refused = why
	}
	return w
}

// grant reserves a place for the incident by compare-and-set.
func (e *Engine) grant(ctx context.Context, incidentID string, now time.Time) incident.World {
	for {
		fleet, head, err := e.fleet(ctx)
		if err != nil {
			return unreadable(err)
		}
		w := incident.World{Frozen: e.switchedOff(fleet, now)}
		if w.Frozen != "" {
			return w
		}
		next, granted, why := fleet.Reserve(incidentID, now, reservation, e.cfg.Fuse)
		if !granted {
			w.Refused = why
			return w
		}
		entry := incident.Entry{At: now, Kind: "reserved", Incident: incidentID, By: "ripcord", Text: "a place in the fleet's fuse is reserved"}
		err = e.writeFleet(ctx, head, next, now, entry)
		if errors.Is(err, journal.ErrConflict) {
			continue
		}
		if err != nil {
			return unreadable(err)
		}
		crashpoint.Hit("budget.after_reserve")
		w.Granted = true
		return w
	}
}

// unreadable is the world of which nobody knows: everything counts as engaged.
func unreadable(err error) incident.World {
	why := fmt.Sprintf("the fleet's freeze and fuse can not be read (%v): they count as engaged", err)
	return incident.World{Frozen: why, Refused: why}
}

// frozen is the sentence of a fleet-wide freeze or of the file switch.
func (e *Engine) frozen(ctx context.Context) string {
	fleet, _, err := e.fleet(ctx)
	if err != nil {
		return unreadable(err).Frozen
	}
	return e.switchedOff(fleet, time.Now().UTC())
}

func (e *Engine) switchedOff(f incident.Fleet, now time.Time) string {
	if why := e.cfg.Switch(); why != "" {
		return why
	}
	return f.Frozen(now)
}

// Fleet reads the fleet's record.
func (e *Engine) Fleet(ctx context.Context) (incident.Fleet, error) {
	fleet, _, err := e.fleet(ctx)
	return fleet, err
}

func (e *Engine) fleet(ctx context.Context) (incident.Fleet, journal.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, fleetRead)
	defer cancel()
	head, err := e.cfg.Journal.Head(ctx, incident.FleetName)
	if err != nil {
		return incident.Fleet{}, head, fmt.Errorf("read the fleet's record: %w", err)
	}
	var fleet incident.Fleet
	if head.Revision > 0 {
		if err := json.Unmarshal(head.Record.State, &fleet); err != nil {
			return fleet, head, fmt.Errorf("read the fleet's record: %w", err)
		}
	}
	return fleet, head, nil
}

func (e *Engine) writeFleet(ctx context.Context, head journal.Head, f incident.Fleet, now time.Time, entry incident.Entry) error {
	entries, err := json.Marshal([]incident.Entry{entry})
	if err != nil {
		return fmt.Errorf("encode entries: %w", err)
	}
	state, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, fleetRead)
	defer cancel()
	_, err = e.cfg.Journal.Append(ctx, head, journal.Record{
		Target: incident.FleetName, At: now, Writer: e.cfg.Writer, Entries: entries, State: state,
	})
	return err
}

// FreezeFleet holds every target's rollbacks back until Unfreeze or until.
func (e *Engine) FreezeFleet(ctx context.Context, by incident.Person, until time.Time, reason string) error {
	return e.changeFleet(ctx, func(f incident.Fleet, now time.Time) (incident.Fleet, incident.Entry, error) {
		return f.SetFreeze(by, now, until, reason)
	})
}

// UnfreezeFleet lets go of the fleet's freeze. The decisions that it held back
// are looked at again.
func (e *Engine) UnfreezeFleet(ctx context.Context, by incident.Person, reason string) error {
	err := e.changeFleet(ctx, func(f incident.Fleet, now time.Time) (incident.Fleet, incident.Entry, error) {
		return f.Unfreeze(by, now, reason)
	})
	if err != nil {
		return err
	}
	for _, name := range e.Names() {
		for _, decision := range e.cfg.Holds(name) {
			e.loops[name].post(ctx, incident.Decide{Decision: decision})
		}
	}
	return nil
}

type fleetChange func(incident.Fleet, time.Time) (incident.Fleet, incident.Entry, error)

func (e *Engine) changeFleet(ctx context.Context, change fleetChange) error {
	for {
		fleet, head, err := e.fleet(ctx)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		next, entry, err := change(fleet, now)
		if err != nil {
			return err
		}
		err = e.writeFleet(ctx, head, next, now, entry)
		if !errors.Is(err, journal.ErrConflict) {
			return err
		}
	}
}
