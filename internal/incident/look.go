package incident

import (
	"maps"
	"slices"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

// looked takes what the identity step saw. The look is the truth of the ledger,
// but a release found so was never announced, and people are asked about it.
func (m *move) looked(in Looked) {
	live := in.Sight.Live
	inc := m.open()
	if live.Version == "" || len(live.Version) > maxName || inc != nil && inc.State == Executing {
		return // the places are moving, by our own hand
	}
	cur := m.s.Current()
	switch {
	case cur == nil:
		m.found(in, "it was never announced")
	case cur.Version == live.Version:
		m.saw(cur, in.Step, live.Revision)
		m.predecessors(in)
	case !live.Revision.IsZero() && cur.Left[in.Step] == live.Revision:
		// the rollback has not moved this place
	case m.settling(live.Version):
	default:
		m.found(in, "the ledger had "+cur.Version+": the look wins, and people are asked")
		m.overtaken(live.Version)
	}
}

// settling tells a look that came while the newest release was taking over.
func (m *move) settling(version string) bool {
	n := len(m.s.Ledger)
	return n > 1 && m.s.Ledger[n-2].Version == version && m.now.Sub(m.s.Ledger[n-1].Since) < lookGrace
}

// found puts a release into the ledger that nobody announced.
func (m *move) found(in Looked, news string) {
	live := in.Sight.Live
	since := m.seenSince(live.Since)
	m.add(Release{Version: live.Version, Since: since, Assumed: true, Revisions: one(in.Step, live.Revision)}, -1)
	m.predecessors(in)
	m.tell(KindLooked, ripcord, "%s is live, as seen by %s; %s", live.Version, in.Step, news)
}

func one(step string, r actions.Revision) map[string]actions.Revision {
	if r.IsZero() {
		return nil
	}
	return map[string]actions.Revision{step: r}
}

// seenSince is when a release that was looked at can have begun at the earliest.
func (m *move) seenSince(since time.Time) time.Time {
	since = utc(since)
	if since.IsZero() || since.After(m.now) {
		return m.now
	}
	if cur := m.s.Current(); cur != nil {
		return later(since, cur.Since)
	}
	return since
}

// saw remembers the revision of a place under the release that is live.
func (m *move) saw(cur *Release, step string, r actions.Revision) {
	have, known := cur.Revisions[step]
	if r.IsZero() || known && have == r {
		return
	}
	revisions := maps.Clone(cur.Revisions)
	if revisions == nil {
		revisions = make(map[string]actions.Revision)
	}
	revisions[step] = r
	cur.Revisions = revisions
	if known {
		m.tell(KindLooked, ripcord, "%s of %s is %s now, was %s: the same version with another content", step, cur.Version, full(r), full(have))
		return
	}
	m.tell(KindLooked, ripcord, "%s of %s is %s", step, cur.Version, full(r))
}

func full(r actions.Revision) string {
	if r.Digest == "" || r.Digest == r.Rev {
		return r.Rev
	}
	return r.Rev + " (" + actions.Short(r.Digest) + ")"
}

// predecessors takes over what a place knows of earlier releases, as long as the
// ledger has nothing before the current one.
func (m *move) predecessors(in Looked) {
	if len(m.s.Ledger) != 1 || len(in.Sight.Earlier) == 0 {
		return
	}
	cur := m.s.Ledger[0]
	var earlier []Release
	until := cur.Since
	for _, seen := range in.Sight.Earlier[:min(len(in.Sight.Earlier), maxEarlier)] {
		if seen.Version == "" || len(seen.Version) > maxName || seen.Version == cur.Version || seen.Since.After(until) {
			continue
		}
		earlier = append(earlier, Release{
			Version: seen.Version, Since: utc(seen.Since), Until: until, Known: -1, Assumed: true, Revisions: one(in.Step, seen.Revision),
		})
		if !seen.Since.IsZero() {
			until = utc(seen.Since)
		}
	}
	if len(earlier) == 0 {
		return
	}
	slices.Reverse(earlier)
	m.s.Ledger = append(earlier, cur)
	m.tell(KindLooked, ripcord, "%s before %s found by %s: assumed, so people are asked", counted(len(earlier), "release"), cur.Version, in.Step)
}
