package rules

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ripcord-dev/ripcord/rules/stat"
)

// recoverFor is how long after a cut-over a rule that had fired judges the version
// that was put in place of the bad one.
const recoverFor = time.Hour

// recovery judges the version that replaced one on which a rule had fired.
//
// The rule's condition is evaluated on what the new version has sent since the
// cut-over, with these in place of what needs a longer life: a previous() slot
// reads what it read when the rule fired; a comparison is TRUE when the new
// version's counts are worse than the history that the bad one was compared with,
// FALSE when the bad version's counts of then are worse than the new ones with
// e ≥ 20 at margin 1, or when the Wilson upper bound of the new share is within
// margin times the previous one, and UNKNOWN else. Each value slot needs its own
// minimum of samples only, not the rule's min_samples: an answer within seconds
// is what people wait for. An alert counts whenever it began.
type recovery struct {
	bad, version string
	since        int64
	fired        []frozenSlot
	rule         Rule // with the slots' own minimums

	told   bool
	still  Truth
	second int64
}

func newRecovery(r *ruleState, version string, now int64) *recovery {
	out := &recovery{bad: r.decided.Version, version: version, since: now, fired: r.fired, rule: *r.Rule}
	out.rule.MinSamples = 0
	return out
}

// recover tells what the rule says about the version in place, where it has news,
// and returns when it looks again.
func (t *target) recover(r *ruleState, now int64) int64 {
	v := r.recovery
	if now > v.since+int64(recoverFor) {
		r.recovery = nil
		return never
	}
	still, reason := t.still(v, now)
	second := (now - v.since) / int64(time.Second)
	if v.told && still == v.still && second == v.second {
		return now + 1
	}
	v.told, v.still, v.second = true, still, second
	t.out.Recoveries = append(t.out.Recoveries, Recovery{
		At: moment(now), Rule: r.Name, Target: t.name, Bad: v.bad, Version: v.version, Still: still, Reason: reason,
	})
	return now + 1
}

// still evaluates the condition on the version in place.
func (t *target) still(v *recovery, now int64) (Truth, string) {
	r := &v.rule
	r.floors = t.lowFloors(r)
	t.details(r)
	truths := slices.Clone(t.truths)
	for _, frozen := range v.fired {
		c, reading := t.cells[frozen.slot], &t.detailed[frozen.slot]
		switch {
		case c.book != nil:
			b := c.book.ring(&t.arms, c.slot.timeout, now, true)
			truths[frozen.slot] = b.truth()
			reading.State, reading.Reason = "", b.explain(c.slot.noun, c.slot.timeout)
			if b.truth() == Unknown {
				reading.State = Stale
			}
		case reading.State == Stale:
		case c.trial != nil:
			truths[frozen.slot] = frozen.compare(c.trial.counted[atCurrent], c.slot, v, reading)
		case c.slot.arm == armPrevious:
			*reading = frozen.reading
		}
	}
	f := r.fill(&t.frame, t.detailed, truths)
	truth := r.cond.eval(f)
	reason := explainLeaves(r.cond, f, truth)
	if truth != Unknown && t.evalScaled(r, t.detailed, truths) != truth {
		return Unknown, "the windows have not been heard out yet: " + reason
	}
	return truth, reason
}

// lowFloors is the minimums of the slots alone. A comparison needs none here: its
// evidence already says how much it has.
func (t *target) lowFloors(r *Rule) []float64 {
	floors := make([]float64, len(r.slots))
	for i, slot := range r.slots {
		if s := t.slots[slot]; s.fn != fnSeqShare && s.fn != fnFiring {
			floors[i] = s.min
		}
	}
	return floors
}

// compare judges the new version's counts by those of the bad one and of the one
// before it.
func (f *frozenSlot) compare(now stat.Counts, s *slot, v *recovery, r *Reading) Truth {
	h := stat.Hypothesis{Margin: max(s.seq.margin, 1), Lower: s.seq.lower}
	low, high := stat.Wilson(now.Bad, now.N, .95)
	*r = Reading{
		Call: r.Call, Value: now.Share(), N: now.N, Low: low, High: high,
		Previous: f.base.Share(), NPrev: f.base.N, Limit: f.base.Share() * h.Margin,
	}
	within := high <= r.Limit
	if h.Lower {
		r.Limit = f.base.Share() / h.Margin
		within = low >= r.Limit
	}
	text := fmt.Sprintf("%s is %s of %s on %s", s.noun, percentText(r.Value), countText(r.N), named(v.version))
	history := stat.NewHistory(h, f.base, s.seq.alpha, false)
	history.Tick(now)
	if need := stat.NeedHistory(s.seq.alpha); history.LogE() >= need {
		r.LogE, r.Need = history.LogE(), need
		r.Reason = fmt.Sprintf("%s, worse than %s of %s before (log e %s ≥ %s)", text, percentText(r.Previous), countText(r.NPrev), tenthText(r.LogE), tenthText(need))
		return True
	}
	r.LogE, r.Need = stat.LogE(stat.Hypothesis{Margin: 1, Lower: s.seq.lower}, f.bad, now), confirms
	r.Reason = fmt.Sprintf("%s, %s had %s of %s: e = %s that it is better", text, named(v.bad), percentText(f.bad.Share()), countText(f.bad.N), tenthText(math.Exp(r.LogE)))
	switch {
	case r.LogE >= confirms:
		return False
	case within && now.N > 0 && f.base.N > 0:
		r.Reason = fmt.Sprintf("%s, at most %s and so within %s", text, percentText(high), percentText(r.Limit))
		return False
	}
	r.State = Insufficient
	r.Reason += " (needs 20)"
	return Unknown
}
