package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

const (
	// enoughKnown is the share of evaluations that must not have been UNKNOWN.
	enoughKnown = 0.8
	// longestFiring is how long a rule whose end nobody saw counts as firing.
	longestFiring = 24 * time.Hour
	// lookGrace is how long a look may still see the release before the newest.
	lookGrace = 2 * time.Minute
	// maxEarlier bounds the predecessors that are taken from a look.
	maxEarlier = 10
)

// Current is the release that is live, or nil when none is known.
func (s Target) Current() *Release {
	if len(s.Ledger) == 0 {
		return nil
	}
	return &s.Ledger[len(s.Ledger)-1]
}

// KnownGood is the newest release before the given version that may be gone back
// to: healthy for long enough without firing, seen well enough, and not in
// quarantine. An assumed one is taken on trust, so that people must be asked; so
// is, when there is no better one, a release that the rules could seldom judge,
// which comes back as assumed and with the reason.
// When there is none, reason says why for each that was looked at.
func (s Target) KnownGood(before string, p Policy, now time.Time) (good Release, reason string, ok bool) {
	var reasons []string
	var unwatched *Release
	passed := map[string]bool{before: true}
	for i := s.newest(before) - 1; i >= 0; i-- {
		r := s.Ledger[i]
		if passed[r.Version] {
			continue
		}
		why, final := s.unhealthy(r, p, now)
		if why == "" {
			return r, "", true
		}
		if why == unwatchedWhy(r) && unwatched == nil {
			unwatched = &r
		}
		reasons = append(reasons, why)
		passed[r.Version] = final
	}
	if unwatched != nil {
		unwatched.Assumed = true // nothing spoke against it, and nobody looked well
		return *unwatched, strings.Join(reasons[:1], ""), true
	}
	const enough = 3
	if len(reasons) == 0 {
		return Release{}, "no release before it is known", false
	}
	return Release{}, strings.Join(reasons[:min(len(reasons), enough)], "; "), false
}

// newest is the index of the newest entry of a version, or that of the end.
func (s Target) newest(version string) int {
	for i := len(s.Ledger) - 1; i >= 0; i-- {
		if s.Ledger[i].Version == version {
			return i
		}
	}
	return len(s.Ledger)
}

// unhealthy says why a release is not known to be good; final reasons also speak
// against older entries of the same version.
func (s Target) unhealthy(r Release, p Policy, now time.Time) (why string, final bool) {
	if q := s.quarantined(r.Version); q != "" {
		return fmt.Sprintf("%s is in quarantine (%s)", r.Version, q), true
	}
	start, end := r.Since, now
	if !r.Until.IsZero() {
		end = r.Until
	}
	if !r.Fired.IsZero() {
		start = r.Fired.Add(longestFiring)
		if !r.Cleared.Before(r.Fired) {
			start = r.Cleared
		}
		if end.Before(start) {
			return fmt.Sprintf("a rule fired on %s at %s", r.Version, clock(now, r.Fired)), true
		}
	}
	if r.Assumed {
		return "", false
	}
	if healthy, need := end.Sub(start), p.Guards.KnownGoodAfter; healthy < need {
		return fmt.Sprintf("%s was healthy for %s of %s", r.Version, span(healthy), span(need)), false
	}
	if r.Known >= 0 && r.Known < enoughKnown {
		return unwatchedWhy(r), false
	}
	return "", false
}

// unwatchedWhy is the sentence about a release that was too seldom judged.
func unwatchedWhy(r Release) string {
	return fmt.Sprintf("only %.0f %% of the evaluations of %s were not UNKNOWN", 100*r.Known, r.Version)
}

// quarantined is why a version is in quarantine, or empty.
func (s Target) quarantined(version string) string {
	for _, r := range s.Ledger {
		if r.Version == version && r.Quarantined != "" {
			return r.Quarantined
		}
	}
	return ""
}

// author is who made the newest release of a version.
func (s Target) author(version string) string {
	if i := s.newest(version); i < len(s.Ledger) {
		return s.Ledger[i].Actor
	}
	return ""
}

// revisions are what each place held under a version; the newest entry wins.
func (s Target) revisions(version string) map[string]actions.Revision {
	var all map[string]actions.Revision
	for _, r := range s.Ledger {
		if r.Version != version || len(r.Revisions) == 0 {
			continue
		}
		if all == nil {
			all = make(map[string]actions.Revision)
		}
		maps.Copy(all, r.Revisions)
	}
	return all
}

// versions lists what the ledger has, newest first.
func (s Target) versions() []string {
	var list []string
	for i := len(s.Ledger) - 1; i >= 0; i-- {
		if v := s.Ledger[i].Version; !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// fired and cleared keep the health of the version that a rule spoke of.
func (m *move) fired(version string) {
	if i := m.s.newest(version); i < len(m.s.Ledger) {
		m.s.Ledger[i].Fired = m.now
	}
}

func (m *move) cleared(version string) {
	firing := slices.ContainsFunc(m.s.Decided, func(d Decided) bool {
		return d.Version == version && !d.Resolved && d.Guard != guardMode
	})
	if i := m.s.newest(version); !firing && i < len(m.s.Ledger) && !m.s.Ledger[i].Fired.IsZero() {
		m.s.Ledger[i].Cleared = m.now
	}
}

// add closes the current release and puts the next in its place.
func (m *move) add(r Release, known float64) {
	if cur := m.s.Current(); cur != nil {
		cur.Until = r.Since
		if known >= 0 {
			cur.Known = min(known, 1)
		}
	}
	r.Known = -1
	r.Quarantined = m.s.quarantined(r.Version)
	m.s.Ledger = append(m.s.Ledger, r)
}

// released takes the news of a release. Old news and repeated news is no news.
func (m *move) released(in Released) error {
	if in.Version == "" || len(in.Version) > maxName {
		return refuse(Invalid, "a release needs a version of at most %d bytes", maxName)
	}
	at := utc(in.At)
	if at.IsZero() || at.After(m.now) {
		at = m.now
	}
	cur := m.s.Current()
	switch {
	case cur != nil && cur.Version == in.Version:
		m.known(cur, in, at)
		return nil
	case cur != nil && m.oldNews(in.Version, at):
		return nil
	case cur == nil && in.Previous != "" && in.Previous != in.Version && len(in.Previous) <= maxName:
		m.s.Ledger = []Release{{Version: in.Previous, Known: -1, Assumed: true}}
	}
	if cur != nil {
		at = later(at, cur.Since)
	}
	m.add(Release{Version: in.Version, Since: at, Actor: short(in.Actor, maxWho), Commit: short(in.Commit, maxWho)}, in.Known)
	m.tell(KindReleased, byActor(in.Actor), "%s is live since %s%s", in.Version, m.clock(at), m.before())
	m.overtaken(in.Version)
	return nil
}

func byActor(actor string) string {
	if actor == "" || actor == ripcord {
		return ripcord
	}
	return "person:" + short(actor, maxWho)
}

// before tells which release the newest one replaced.
func (m *move) before() string {
	if n := len(m.s.Ledger); n > 1 {
		return ", after " + m.s.Ledger[n-2].Version
	}
	return ""
}

// known fills in what an announcement says about the release that is live.
func (m *move) known(cur *Release, in Released, at time.Time) {
	actor, commit := short(in.Actor, maxWho), short(in.Commit, maxWho)
	news := cur.Assumed || actor != "" && actor != cur.Actor || commit != "" && commit != cur.Commit
	if !news || in.Actor == ripcord {
		return
	}
	cur.Actor, cur.Commit = orText(actor, cur.Actor), orText(commit, cur.Commit)
	if cur.Assumed {
		cur.Assumed = false
		if at.Before(cur.Since) && m.fits(at) {
			cur.Since = at
			m.closeBefore(at)
		}
	}
	m.tell(KindReleased, byActor(in.Actor), "%s is announced, live since %s", cur.Version, m.clock(cur.Since))
}

// fits tells whether the current release may have begun at that time.
func (m *move) fits(at time.Time) bool {
	n := len(m.s.Ledger)
	return n < 2 || !at.Before(m.s.Ledger[n-2].Since)
}

func (m *move) closeBefore(at time.Time) {
	if n := len(m.s.Ledger); n > 1 {
		m.s.Ledger[n-2].Until = at
	}
}

// oldNews tells an announcement that the ledger has, or that is from before the
// current release.
func (m *move) oldNews(version string, at time.Time) bool {
	cur := m.s.Current()
	if at.Before(cur.Since) && !cur.Assumed {
		return true
	}
	return slices.ContainsFunc(m.s.Ledger, func(r Release) bool { return r.Version == version && r.Since.Equal(at) })
}

// overtaken ends an incident whose version somebody else has replaced.
func (m *move) overtaken(version string) {
	inc := m.open()
	if inc == nil || version == inc.To && !inc.Approved.IsZero() {
		return
	}
	bad := inc.Version
	if !inc.Moved.IsZero() {
		bad = inc.To
	}
	if version == bad {
		return
	}
	running := ""
	if x := inc.Exec; inc.State == Executing && x != nil && x.Retry.IsZero() {
		running = "; a call was under way and may still move its place"
		m.condemn()
	}
	m.end(Superseded, ripcord, "%s is gone: somebody else has put %s in place%s", bad, version, running)
}

// record writes our own act into the ledger.
func (m *move) record() {
	inc := m.s.Incident
	if cur := m.s.Current(); cur == nil || cur.Version != inc.To {
		r := Release{Version: inc.To, Since: m.now, Actor: ripcord, Rollback: inc.ID, Revisions: m.s.revisions(inc.To)}
		if cur != nil {
			r.Left = cur.Revisions
		}
		m.add(r, -1)
	}
	cur := m.s.Current()
	revisions, left := maps.Clone(cur.Revisions), maps.Clone(cur.Left)
	if revisions == nil {
		revisions = make(map[string]actions.Revision)
	}
	for _, step := range inc.Plan.Steps {
		revisions[step.ID] = step.To
		delete(left, step.ID)
	}
	cur.Revisions, cur.Left = revisions, nonempty(left)
}

func nonempty(m map[string]actions.Revision) map[string]actions.Revision {
	if len(m) == 0 {
		return nil
	}
	return m
}

// condemn puts the incident's bad version into quarantine, as soon as any place
// has moved away from it or may have: whatever becomes of the incident, nobody
// goes back there unknowingly.
func (m *move) condemn() {
	inc := m.s.Incident
	m.quarantineAll(inc.Version, "rolled back by "+inc.ID)
}

func (m *move) quarantineAll(version, why string) {
	for i := range m.s.Ledger {
		if m.s.Ledger[i].Version == version {
			m.s.Ledger[i].Quarantined = why
		}
	}
}

// quarantine and lift are the people's hand on what may be gone back to.
func (m *move) quarantine(in Quarantine) error {
	if m.s.newest(in.Version) == len(m.s.Ledger) {
		return refuse(NotFound, "the ledger has no version %q; it has %s", in.Version, list(m.s.versions()))
	}
	if why := m.s.quarantined(in.Version); why != "" {
		return refuse(Conflict, "%s is already in quarantine: %s", in.Version, why)
	}
	m.quarantineAll(in.Version, short("by "+in.By.Name+": "+in.Reason, shortText))
	m.tell(KindQuarantined, in.By.by(), "%s is in quarantine%s", in.Version, noted(in.Reason))
	return nil
}

func (m *move) lift(in Lift) error {
	why := m.s.quarantined(in.Version)
	if why == "" {
		return refuse(NotFound, "%q is not in quarantine", in.Version)
	}
	m.quarantineAll(in.Version, "")
	m.tell(KindLifted, in.By.by(), "%s is out of quarantine (was: %s)%s", in.Version, why, noted(in.Reason))
	return nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
