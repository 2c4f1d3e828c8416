package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/triggers"
)

// maxAlerts bounds the alerts that one slot holds.
const maxAlerts = 1000

// forgetAfter is how long an alert without news is remembered as stale.
const forgetAfter = 24 * time.Hour

// alert is somebody else's finding that a firing() slot holds.
type alert struct {
	fingerprint, id, name, summary, version string

	began  int64 // its own start
	news   int64 // stream time of the last word about it
	newest int64 // event time of it
}

// alertBook is the state of a firing() slot: the alerts that fire, by
// fingerprint.
//
// An alert speaks about the version that it names. One that names none is held
// against the current version only when it began after that version's cut-over:
// what was burning before is not the new release's doing.
type alertBook struct {
	held []alert // sorted by fingerprint
}

// take files an alert event that the slot's predicate has let through, or not; a
// resolved one is taken in either case. It tells whether there was room.
func (b *alertBook) take(a alert, firing, passes bool) bool {
	i, found := slices.BinarySearchFunc(b.held, a.fingerprint, func(x alert, f string) int { return strings.Compare(x.fingerprint, f) })
	switch {
	case found && a.began < b.held[i].began:
		return true // of an episode that is over
	case !firing || !passes:
		if found {
			b.held = slices.Delete(b.held, i, i+1)
		}
	case found:
		b.held[i] = a
	case len(b.held) >= maxAlerts:
		return false
	default:
		b.held = slices.Insert(b.held, i, a)
	}
	return true
}

// bell is what the held alerts say at a moment.
type bell struct {
	ringing []alert // those that speak about the version, in the order of their start
	stale   int     // of them, those without news for too long
}

func (b bell) truth() Truth {
	switch {
	case len(b.ringing) > 0:
		return True
	case b.stale > 0:
		return Unknown
	}
	return False
}

// ring looks which alerts speak about the current version; with all, of any.
func (b *alertBook) ring(a *arms, timeout time.Duration, now int64, all bool) bell {
	b.held = slices.DeleteFunc(b.held, func(x alert) bool { return now-x.news >= int64(timeout+forgetAfter) })
	var out bell
	for _, x := range b.held {
		about := x.version == a.current || x.version == "" && x.began >= a.began
		switch {
		case !about && !all:
		case now-x.news >= int64(timeout):
			out.stale++
		default:
			out.ringing = append(out.ringing, x)
		}
	}
	slices.SortStableFunc(out.ringing, func(x, y alert) int { return int(min(max(x.began-y.began, -1), 1)) })
	return out
}

// change is when an alert times out next.
func (b *alertBook) change(timeout time.Duration, now int64) int64 {
	next := never
	for _, x := range b.held {
		for _, due := range []int64{x.news + int64(timeout), x.news + int64(timeout+forgetAfter)} {
			if due > now {
				next = min(next, due)
			}
		}
	}
	return next
}

// explain is one sentence that names the alerts.
func (b bell) explain(noun string, timeout time.Duration) string {
	if len(b.ringing) == 0 {
		if b.stale > 0 {
			return fmt.Sprintf("no news for %s of %d alerts of %s", timeout, b.stale, noun)
		}
		return "no alert fires in " + noun
	}
	first := b.ringing[0]
	text := "alert " + named(first.name) + " fires since " + moment(first.began).Format(time.RFC3339)
	if first.name == "" {
		text = "an alert of " + noun + " fires since " + moment(first.began).Format(time.RFC3339)
	}
	if first.summary != "" {
		text += ": " + first.summary
	}
	if more := len(b.ringing) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// readAlert reads what is the same for every slot from an alert event.
func readAlert(ev *triggers.Event, at, now int64) (a alert, firing bool) {
	a = alert{id: ev.ID, version: ev.Version, news: now, newest: at, began: at}
	firing = true
	ev.Fields.Each(func(key []byte, v triggers.Value) {
		switch string(key) {
		case "fingerprint":
			a.fingerprint = v.Str
		case "alertname":
			a.name = v.Str
		case "summary":
			a.summary = v.Str
		case "status":
			firing = v.Str != triggers.AlertResolved
		case "startsAt":
			if t, err := time.Parse(time.RFC3339Nano, v.Str); err == nil && !t.IsZero() {
				a.began = min(nanos(t), now)
			}
		}
	})
	if a.fingerprint == "" {
		a.fingerprint = ev.ID
	}
	return a, firing
}
