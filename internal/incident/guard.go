package incident

import (
	"fmt"
	"time"

	"github.com/ripcord-dev/ripcord/rules"
)

// The names of the guards that hold a decision.
const (
	guardMode     = "mode"
	guardFreeze   = "freeze"
	guardStale    = "stale"
	guardGone     = "gone"
	guardAnswered = "answered"
	guardCooldown = "cooldown"
	guardBudget   = "budget"
	guardFleet    = "fleet"
)

// trial is one decision before the guards. Each guard does nothing, lowers the
// mode with a sentence, or holds the decision with one.
type trial struct {
	m     *move
	d     rules.Decision
	world World
	prior *Decided // the answer it has had, if any

	mode    rules.Mode
	ceiling string // why mode is below what the rule asked for

	guard string // which guard holds it; empty when none does
	held  string
	until time.Time // when that guard may let go; zero when nobody knows
}

// try brings a decision before all guards, in their order; the first that holds
// ends it.
func (m *move) try(d rules.Decision, w World, prior *Decided) trial {
	t := trial{m: m, d: d, world: w, prior: prior, mode: d.Mode}
	guards := []func(*trial){
		(*trial).modes, (*trial).frozen, (*trial).fresh, (*trial).live, (*trial).answered,
		(*trial).attributed, (*trial).flapping, (*trial).cooling, (*trial).budgeted,
	}
	for _, guard := range guards {
		if guard(&t); t.guard != "" {
			break
		}
	}
	return t
}

func (t *trial) hold(guard string, until time.Time, format string, args ...any) {
	t.guard, t.until, t.held = guard, until, short(fmt.Sprintf(format, args...), shortText)
}

// lower makes people decide: the mode is approve at most.
func (t *trial) lower(format string, args ...any) {
	if t.mode > rules.Approve {
		t.mode, t.ceiling = rules.Approve, fmt.Sprintf(format, args...)
	}
}

func (t *trial) modes() {
	if t.m.p.Mode < t.d.Mode {
		t.mode, t.ceiling = t.m.p.Mode, fmt.Sprintf("the target's own mode is %s, the rule's is %s", t.m.p.Mode, t.d.Mode)
	}
	switch {
	case t.d.Mode == rules.Observe:
		t.hold(guardMode, time.Time{}, "rule %s is in mode observe", t.d.Rule)
	case t.mode == rules.Observe:
		t.hold(guardMode, time.Time{}, "target %s is in mode observe", t.m.p.Target)
	}
}

func (t *trial) frozen() {
	if f := t.m.s.Freeze; f != nil && f.holds(t.m.now) {
		until := f.Until
		if until.IsZero() {
			until = t.later()
		}
		t.hold(guardFreeze, until, "%s", f.sentence("target "+t.m.p.Target, t.m.now))
		return
	}
	if t.world.Frozen != "" {
		t.hold(guardFreeze, t.later(), "%s", t.world.Frozen)
	}
}

// later is when to look again at a guard that cannot say when it lets go: soon
// at first, then rarely.
func (t *trial) later() time.Time {
	const soonest, latest = time.Minute, 15 * time.Minute
	wait := soonest
	if t.prior != nil {
		wait = min(max(t.m.now.Sub(t.prior.At), soonest), latest)
	}
	return t.m.now.Add(wait)
}

func (t *trial) fresh() {
	limit := t.m.p.Guards.MaxEventAge
	if limit <= 0 {
		return
	}
	if age := t.m.now.Sub(t.d.At); age > limit {
		t.hold(guardStale, t.later(), "the decision is %s old, more than %s", span(age), span(limit))
		return
	}
	if t.d.Evidence.Newest.IsZero() {
		return
	}
	if age := t.m.now.Sub(t.d.Evidence.Newest); age > limit {
		t.hold(guardStale, t.later(), "its newest evidence is %s old, more than %s", span(age), span(limit))
	}
}

func (t *trial) live() {
	if cur := t.m.s.Current(); cur != nil && cur.Version != t.d.Version {
		t.hold(guardGone, time.Time{}, "%s is already gone: %s is live since %s", t.d.Version, cur.Version, t.m.clock(cur.Since))
	}
}

// answered keeps a no standing until the rule has resolved.
func (t *trial) answered() {
	for _, d := range t.m.s.Decided {
		if d.Rule == t.d.Rule && d.Version == t.d.Version && d.Answered != "" && !d.Resolved {
			t.hold(guardAnswered, time.Time{}, "%s was %s and has not resolved since", d.Incident, d.Answered)
			return
		}
	}
}

func (t *trial) attributed() {
	cur, limit := t.m.s.Current(), t.m.p.Attribution
	if cur == nil {
		t.lower("no release of %s is known, so nobody can say that it is the cause", t.m.p.Target)
		return
	}
	if cur.Assumed {
		t.lower("%s was found by looking and never announced, so nobody can say that it is the cause", cur.Version)
	}
	if age := t.m.now.Sub(cur.Since); limit > 0 && age > limit {
		t.lower("%s is live since %s, longer than %s: the release may not be the cause", cur.Version, span(age), span(limit))
	}
}

// flapping never rolls back a rollback by itself, and does not fight with
// whoever puts a version back that was taken away.
func (t *trial) flapping() {
	cur := t.m.s.Current()
	if cur == nil {
		return
	}
	if cur.Rollback != "" {
		t.lower("%s was put in place by the rollback %s, and a rollback is never rolled back by itself", cur.Version, cur.Rollback)
	}
	if why := t.m.s.quarantined(cur.Version); why != "" {
		t.lower("%s is in quarantine (%s) and somebody has put it back", cur.Version, why)
	}
}

func (t *trial) cooling() {
	limit := t.m.p.Guards.Cooldown
	if t.m.open() != nil || limit <= 0 {
		return
	}
	id, ended := t.m.s.lastActed()
	if until := ended.Add(limit); id != "" && t.m.now.Before(until) {
		t.hold(guardCooldown, until, "%s ended %s ago; the cooldown of %s lasts until %s", id, span(t.m.now.Sub(ended)), span(limit), t.m.clock(until))
	}
}

// lastActed is the newest ended incident that had leave to act, and its end.
func (s Target) lastActed() (string, time.Time) {
	if inc := s.Incident; inc != nil && inc.State.Terminal() && !inc.Approved.IsZero() {
		return inc.ID, inc.Ended
	}
	for i := len(s.Past) - 1; i >= 0; i-- {
		if s.Past[i].Acted {
			return s.Past[i].ID, s.Past[i].Ended
		}
	}
	return "", time.Time{}
}

func (t *trial) budgeted() {
	if t.m.open() != nil {
		return
	}
	rate := t.m.p.Guards.PerTarget
	if n, oldest := within(t.m.s.Acted, t.m.now, rate.Per); rate.N > 0 && n >= rate.N {
		until := oldest.Add(rate.Per)
		t.hold(guardBudget, until, "%d automatic rollbacks in the last %s are the limit; the next may come at %s", n, span(rate.Per), t.m.clock(until))
		return
	}
	if t.world.Refused != "" {
		t.hold(guardFleet, t.later(), "%s", t.world.Refused)
	}
}

// within counts the times that are younger than per; oldest is the first.
func within(times []time.Time, now time.Time, per time.Duration) (n int, oldest time.Time) {
	for _, at := range times {
		if now.Sub(at) >= per {
			continue
		}
		if n == 0 {
			oldest = at
		}
		n++
	}
	return n, oldest
}
