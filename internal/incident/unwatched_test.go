package incident

import (
	"strings"
	"testing"
	"time"
)

// A release that the rules could seldom judge is gone back to only when people
// say so, and only when there is no better one.
func TestAReleaseThatNobodyWatchedIsAssumed(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	hours := func(n int) time.Time { return now.Add(time.Duration(-n) * time.Hour) }
	p := Policy{Target: "fraud", Guards: Guards{KnownGoodAfter: time.Hour}}
	s := Target{Name: "fraud", Ledger: []Release{
		{Version: "v40", Since: hours(9), Until: hours(6), Known: 1},
		{Version: "v41", Since: hours(6), Until: hours(2), Known: 0.1},
		{Version: "v42", Since: hours(2), Known: -1},
	}}
	if good, _, ok := s.KnownGood("v42", p, now); !ok || good.Version != "v40" || good.Assumed {
		t.Errorf("known good is %+v, want v40, which was watched", good)
	}
	s.Ledger = s.Ledger[1:]
	good, why, ok := s.KnownGood("v42", p, now)
	if !ok || good.Version != "v41" || !good.Assumed || !strings.Contains(why, "only 10 % of the evaluations of v41") {
		t.Errorf("known good is %+v, %q: want v41, assumed, with the reason", good, why)
	}
	if s.Ledger[0].Assumed {
		t.Error("looking for it has changed the ledger")
	}
}
