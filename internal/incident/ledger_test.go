package incident

import (
	"testing"
	"time"
)

func TestKnownGood(t *testing.T) {
	at := func(hours float64) time.Time { return noon.Add(-time.Duration(hours * float64(time.Hour))) }
	policy := Policy{Target: "fraud", Guards: Guards{KnownGoodAfter: time.Hour}}
	good := Release{Version: "v1", Since: at(30), Until: at(20), Known: -1}
	bad := Release{Version: "v9", Since: at(1), Known: -1}
	with := func(change func(*Release)) Release {
		r := Release{Version: "v2", Since: at(20), Until: at(1), Known: 0.9}
		change(&r)
		return r
	}
	for _, one := range []struct {
		name   string
		ledger []Release
		want   string
		why    string
	}{
		{"the newest that was healthy", []Release{good, with(func(*Release) {}), bad}, "v2", ""},
		{"not the bad version itself, also when it was live before", []Release{good, {Version: "v9", Since: at(20), Until: at(10), Known: 1}, with(func(*Release) {}), bad}, "v2", ""},
		{"nothing is known before it", []Release{bad}, "", "no release before it is known"},
		{"not one in quarantine", []Release{good, with(func(r *Release) { r.Quarantined = "rolled back" }), bad}, "v1", ""},
		{"quarantine holds for every entry of the version", []Release{with(func(r *Release) { r.Quarantined = "rolled back" }), with(func(*Release) {}), bad}, "", "v2 is in quarantine (rolled back)"},
		{"not one that was live too short", []Release{good, with(func(r *Release) { r.Since = at(1.5) }), bad}, "v1", ""},
		{"the minutes are told", []Release{with(func(r *Release) { r.Since = at(1.5) }), bad}, "", "v2 was healthy for 30m of 1h"},
		{"an older entry of the same version may be healthy", []Release{{Version: "v2", Since: at(40), Until: at(30), Known: -1}, with(func(r *Release) { r.Since = at(1.5) }), bad}, "v2", ""},
		{"not one that a rule fired on to the end", []Release{good, with(func(r *Release) { r.Fired = at(1.2) }), bad}, "v1", ""},
		{"nor an older entry of it", []Release{{Version: "v2", Since: at(40), Until: at(30), Known: -1}, with(func(r *Release) { r.Fired = at(1.2) }), bad}, "", "a rule fired on v2 at 10:48:00"},
		{"one that was healthy after it had resolved", []Release{good, with(func(r *Release) { r.Fired, r.Cleared = at(10), at(9) }), bad}, "v2", ""},
		{"not one that fired again after it had resolved", []Release{good, with(func(r *Release) { r.Fired, r.Cleared = at(2), at(9) }), bad}, "v1", ""},
		{"not one that nobody could see", []Release{good, with(func(r *Release) { r.Known = 0.79 }), bad}, "v1", ""},
		{"one that nobody counted", []Release{good, with(func(r *Release) { r.Known = -1 }), bad}, "v2", ""},
		{"an assumed one is taken on trust", []Release{good, with(func(r *Release) { r.Assumed, r.Since, r.Known = true, at(1.1), -1 }), bad}, "v2", ""},
	} {
		t.Run(one.name, func(t *testing.T) {
			got, why, ok := Target{Ledger: one.ledger}.KnownGood("v9", policy, noon)
			if got.Version != one.want || why != one.why || ok != (one.want != "") {
				t.Errorf("%q, %v: %s", got.Version, ok, why)
			}
		})
	}
}

func TestWhatIsNoReleaseIsRefused(t *testing.T) {
	s := newStory()
	for _, version := range []string{"", string(make([]byte, maxName+1))} {
		if _, err := s.policy.Step(s.target, Released{Version: version, At: noon}, noon); err == nil {
			t.Errorf("a version of %d bytes is taken", len(version))
		}
	}
}
