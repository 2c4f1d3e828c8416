package incident

import (
	"fmt"
	"slices"
	"time"
)

// Fleet is what all targets share: one freeze, and the fuse that limits how many
// rollbacks may be under way in a while. It lives in the journal under the name
// FleetName.
type Fleet struct {
	Freeze *Freeze `json:"freeze,omitempty"`
	// Reserved are the acts that were let through, oldest first, bounded by the
	// fuse's window.
	Reserved []Reservation `json:"reserved,omitempty"`
}

// Reservation is one act of one incident. It counts for the fuse's window, and
// until Expires when that is later; nobody needs to free it.
type Reservation struct {
	Incident string    `json:"incident"`
	At       time.Time `json:"at"`
	Expires  time.Time `json:"expires"`
}

// FleetName is the subject token of the fleet's record.
const FleetName = "_fleet"

// Reserve keeps a place for an incident's act. Granted is false when the fuse has
// let through as many as it may; why is then the sentence for people. An incident
// that has a place keeps it: asking twice counts once. A rate of zero is no fuse.
func (f Fleet) Reserve(incident string, now time.Time, expires time.Duration, r Rate) (next Fleet, granted bool, why string) {
	now = now.UTC()
	next = Fleet{Freeze: f.Freeze, Reserved: f.counted(now, r.Per)}
	if slices.ContainsFunc(next.Reserved, func(have Reservation) bool { return have.Incident == incident }) {
		return next, true, ""
	}
	if n := len(next.Reserved); r.N > 0 && n >= r.N {
		free := next.Reserved[0].freed(r.Per)
		for _, have := range next.Reserved {
			if at := have.freed(r.Per); at.Before(free) {
				free = at
			}
		}
		return f, false, fmt.Sprintf("the fleet's fuse: %d rollbacks in the last %s are the limit; the next place is free at %s", n, span(r.Per), clock(now, free))
	}
	const most = 1000
	next.Reserved = last(append(next.Reserved, Reservation{Incident: incident, At: now, Expires: now.Add(expires)}), most)
	return next, true, ""
}

// freed is when a reservation counts no more.
func (r Reservation) freed(per time.Duration) time.Time {
	return later(r.At.Add(per), r.Expires)
}

// counted are the reservations that still count, in a list of their own.
func (f Fleet) counted(now time.Time, per time.Duration) []Reservation {
	var list []Reservation
	for _, r := range f.Reserved {
		if now.Before(r.freed(per)) {
			list = append(list, r)
		}
	}
	return list
}

// Frozen is the sentence of the fleet's freeze, or empty when none is engaged.
func (f Fleet) Frozen(now time.Time) string {
	if f.Freeze == nil || !f.Freeze.holds(now) {
		return ""
	}
	return f.Freeze.sentence("the fleet", now)
}

// SetFreeze engages the fleet's switch; a second one replaces the first. A freeze
// without a name or a reason, or one that is over already, is refused.
func (f Fleet) SetFreeze(by Person, now, until time.Time, reason string) (Fleet, Entry, error) {
	freeze, err := newFreeze(by, now.UTC(), until, reason)
	if err != nil {
		return f, Entry{}, err
	}
	f.Freeze = freeze
	return f, Entry{At: freeze.At, Kind: KindFrozen, By: by.by(), Text: freeze.sentence("the fleet", now)}, nil
}

// Unfreeze lets the fleet's switch go; it is refused when none is engaged.
func (f Fleet) Unfreeze(by Person, now time.Time, reason string) (Fleet, Entry, error) {
	if f.Frozen(now) == "" {
		return f, Entry{}, refuse(Conflict, "the fleet is not frozen")
	}
	text := fmt.Sprintf("%s unfreezes the fleet, frozen by %s since %s%s", by.Name, f.Freeze.By, clock(now, f.Freeze.At), noted(short(reason, shortText)))
	f.Freeze = nil
	return f, Entry{At: now.UTC(), Kind: KindUnfrozen, By: by.by(), Text: text}, nil
}
