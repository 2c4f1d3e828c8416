package incident

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestTheFuseLetsThroughAsManyAsItMay(t *testing.T) {
	rate := Rate{N: 2, Per: 10 * time.Minute}
	var f Fleet
	for _, step := range []struct {
		name, incident string
		after          time.Duration
		granted        bool
		why            string
	}{
		{"the first has a place", "a-1", 0, true, ""},
		{"the same incident asks twice and counts once", "a-1", time.Minute, true, ""},
		{"the second has the last place", "b-1", 2 * time.Minute, true, ""},
		{"the third has none", "c-1", 3 * time.Minute, false, "the fleet's fuse: 2 rollbacks in the last 10m are the limit; the next place is free at 12:10:00"},
		{"who has a place keeps it while the fuse is full", "b-1", 9 * time.Minute, true, ""},
		{"the first place is free after the window", "c-1", 10 * time.Minute, true, ""},
		{"the second is not yet", "d-1", 11 * time.Minute, false, "the fleet's fuse: 2 rollbacks in the last 10m are the limit; the next place is free at 12:12:00"},
	} {
		before := f
		next, granted, why := f.Reserve(step.incident, noon.Add(step.after), time.Minute, rate)
		if granted != step.granted || why != step.why {
			t.Errorf("%s: granted %v, %q", step.name, granted, why)
		}
		if diff := cmp.Diff(before, f); diff != "" {
			t.Errorf("%s: Reserve has changed its receiver:\n%s", step.name, diff)
		}
		f = next
	}
}

func TestAFuseOfZeroIsNone(t *testing.T) {
	var f Fleet
	for _, id := range []string{"a-1", "b-1", "c-1"} {
		next, granted, why := f.Reserve(id, noon, time.Minute, Rate{})
		if !granted {
			t.Errorf("%s: %s", id, why)
		}
		f = next
	}
}

func TestTheFleetsFreeze(t *testing.T) {
	ben := Person{Name: "ben"}
	f, entry, err := Fleet{}.SetFreeze(ben, noon, noon.Add(time.Hour), "black friday")
	if err != nil {
		t.Fatal(err)
	}
	const want = "the fleet is frozen by ben since 12:00:00 until 13:00:00: black friday"
	if got := f.Frozen(noon.Add(59 * time.Minute)); got != want || entry.Text != want || entry.Kind != KindFrozen || entry.By != "person:ben" {
		t.Errorf("frozen %q, entry %+v", got, entry)
	}
	if got := f.Frozen(noon.Add(time.Hour)); got != "" {
		t.Errorf("after its end: %q", got)
	}
	thawed, entry, err := f.Unfreeze(Person{Name: "ana"}, noon.Add(time.Minute), "over")
	if err != nil || thawed.Frozen(noon.Add(2*time.Minute)) != "" || f.Freeze == nil {
		t.Errorf("unfreeze: %v, %+v, receiver %+v", err, thawed, f)
	}
	if entry.Kind != KindUnfrozen || entry.Text != "ana unfreezes the fleet, frozen by ben since 12:00:00: over" {
		t.Errorf("entry %+v", entry)
	}
}

func TestASwitchThatMakesNoSenseIsRefused(t *testing.T) {
	ben := Person{Name: "ben"}
	frozen, _, err := Fleet{}.SetFreeze(ben, noon, time.Time{}, "until further notice")
	if err != nil {
		t.Fatal(err)
	}
	for name, one := range map[string]struct {
		do   func() error
		code RefusedCode
	}{
		"no reason": {func() error { _, _, err := frozen.SetFreeze(ben, noon, time.Time{}, ""); return err }, Invalid},
		"no name": {func() error {
			_, _, err := frozen.SetFreeze(Person{}, noon, time.Time{}, "x")
			return err
		}, Invalid},
		"an end in the past": {func() error { _, _, err := frozen.SetFreeze(ben, noon, noon, "x"); return err }, Invalid},
		"unfreeze what is not": {func() error {
			_, _, err := Fleet{}.Unfreeze(ben, noon, "")
			return err
		}, Conflict},
	} {
		var refused *Refused
		if err := one.do(); !errors.As(err, &refused) || refused.Code != one.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
