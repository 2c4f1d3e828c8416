package rules

import (
	"fmt"
	"math"
	"time"

	"github.com/ripcord-dev/ripcord/rules/stat"
)

// The rules of evidence of a sequential comparison (detection.md §2, §4.1).
const (
	leastArm     = 20               // samples in an arm, below which it says nothing
	leastHistory = 100              // samples of history
	poolFor      = 60 * time.Second // how long a one-sided tick waits for the other arm
	falseYears   = 10               // mean years between false alarms of a target's watches
)

// confirms is the log e at which a live arm has confirmed what history says.
var confirms = math.Log(20)

// trial is one seq_share slot's comparison of two versions, from the cut-over on.
//
// It asks two questions at once. The history form compares with what the
// previous version had counted in the 24 h before the cut-over: it needs a
// handful of bad events, but a change of the world looks like a bad release to
// it. The live form compares with what the previous version counts now, where it
// still gets traffic: what moves the world cancels. Either makes the slot TRUE;
// live evidence, or a live e-value of 20 at margin 1, confirms.
//
// In bake form TRUE holds until one of the versions changes: the promise is about
// ever having reached the threshold. In watch form the evidence is cut off at the
// threshold, so it stays TRUE while bad ticks come and falls again when they stop.
type trial struct {
	slot    *slot
	counted [2]stat.Counts // since the cut-over, by arm
	tick    [2]stat.Counts // since the last tick of the live form
	recent  stat.Counts    // of the current arm, since the last tick of the history form
	pooled  int64          // when the first sample of tick came; 0: none
	ticked  int64          // the last tick
	base    stat.Counts    // of the previous version, before the cut-over

	live, confirm *stat.Live
	history       *stat.History
	need, past    float64 // thresholds of log e: live, history

	byLive, byHistory, confirmed bool
	proof                        float64 // the highest log e of confirm
}

func newTrial(s *slot, base stat.Counts, watchers int, at int64) *trial {
	o := s.seq
	h := stat.Hypothesis{Margin: max(o.margin, 1), Lower: o.lower}
	drifting := h
	drifting.Margin = stat.SlowDrift(h.Margin, stat.DefaultDrift)
	t := &trial{
		slot: s, base: base, ticked: at,
		live: stat.NewLive(drifting, o.watch), confirm: stat.NewLive(stat.Hypothesis{Margin: 1, Lower: o.lower}, false),
		need: stat.NeedBake(o.alpha), past: stat.NeedHistory(o.alpha),
	}
	if o.watch {
		t.need = stat.NeedWatch(falseYears * float64(max(watchers, 1)) * float64(year) / float64(t.every()))
		t.past = t.need + math.Ln2
	}
	if base.N >= leastHistory {
		t.history = stat.NewHistory(h, base, o.alpha, o.watch)
	}
	return t
}

func (t *trial) every() int64 { return int64(max(t.slot.seq.tick, time.Second)) }

// add counts a sample of an arm.
func (t *trial) add(arm int, m measure, now int64) {
	c := stat.Counts{Bad: m.bad, N: m.weight}
	t.counted[arm] = t.counted[arm].Plus(c)
	t.tick[arm] = t.tick[arm].Plus(c)
	if arm == atCurrent {
		t.recent = t.recent.Plus(c)
	}
	if t.pooled == 0 {
		t.pooled = now
	}
}

// advance closes a tick, when one is due.
func (t *trial) advance(now int64) {
	if now-t.ticked < t.every() {
		return
	}
	t.ticked = now
	if t.history != nil && t.recent.N > 0 {
		t.history.Tick(t.recent)
	}
	t.recent = stat.Counts{}
	both := t.tick[atCurrent].N > 0 && t.tick[atPrevious].N > 0
	if both {
		t.live.Tick(t.tick[atCurrent], t.tick[atPrevious], 1)
		t.confirm.Tick(t.tick[atCurrent], t.tick[atPrevious], 1)
	}
	if both || t.pooled != 0 && now-t.pooled >= int64(poolFor) {
		t.tick, t.pooled = [2]stat.Counts{}, 0
	}
	t.judge()
}

func (t *trial) judge() {
	watch := t.slot.seq.watch
	if t.liveReady() {
		t.byLive = t.byLive && !watch || t.live.LogE() >= t.need
	}
	if t.historyReady() {
		t.byHistory = t.byHistory && !watch || t.history.LogE() >= t.past
	}
	if watch {
		t.live.Cap(t.need)
		if t.history != nil {
			t.history.Cap(t.past)
		}
	}
	t.proof = max(t.proof, t.confirm.LogE())
	t.confirmed = t.byLive || t.proof >= confirms
}

func (t *trial) liveReady() bool {
	return t.counted[atCurrent].N >= leastArm && t.counted[atPrevious].N >= leastArm
}

func (t *trial) historyReady() bool {
	return t.history != nil && t.counted[atCurrent].N >= leastArm
}

// change is when advance does something next, if nothing comes.
func (t *trial) change() int64 {
	next := t.ticked + t.every()
	switch {
	case t.recent.N > 0 || t.tick[atCurrent].N > 0 && t.tick[atPrevious].N > 0:
		return next
	case t.pooled != 0:
		return max(next, t.pooled+int64(poolFor))
	}
	return never
}

// truth is what the comparison says now.
func (t *trial) truth() Truth {
	switch {
	case t.byLive || t.byHistory:
		return True
	case t.liveReady() || t.historyReady():
		return False
	}
	return Unknown
}

// read fills in the numbers that a condition and its minimums look at.
func (t *trial) read(r *Reading) {
	r.N, r.Value = t.counted[atCurrent].N, t.counted[atCurrent].Share()
	if t.truth() == Unknown {
		r.State = Insufficient
	}
}

// against is what the current arm's counts are shown beside: history where that
// is what speaks, else the live arm.
func (t *trial) against() (base stat.Counts, logE, need float64, live bool) {
	if t.history != nil && !t.byLive && (t.byHistory || !t.liveReady() || t.history.LogE()-t.past > t.live.LogE()-t.need) {
		return t.base, t.history.LogE(), t.past, false
	}
	return t.counted[atPrevious], t.live.LogE(), t.need, true
}

// explain fills in the reading for people.
func (t *trial) explain(r *Reading, a *arms) {
	t.read(r)
	base, logE, need, live := t.against()
	r.Previous, r.NPrev = base.Share(), base.N
	r.Limit = base.Share() * max(t.slot.seq.margin, 1)
	if t.slot.seq.lower {
		r.Limit = base.Share() / max(t.slot.seq.margin, 1)
	}
	r.Low, r.High = stat.Wilson(t.counted[atCurrent].Bad, r.N, .95)
	r.LogE, r.Need = max(logE, -700), need // a watch that has had no tick is at -Inf
	if r.State == Insufficient {
		r.Reason = t.lacking(a)
		return
	}
	sign, note := "<", ""
	if t.truth() == True {
		sign = "≥"
	}
	if live {
		note = ", s_default"
	}
	r.Reason = fmt.Sprintf("%s is %s of %s on %s against %s of %s on %s (limit %s, log e %s %s %s%s)", t.slot.noun,
		percentText(r.Value), countText(r.N), named(a.current), percentText(r.Previous), countText(r.NPrev), named(a.previous),
		percentText(r.Limit), tenthText(r.LogE), sign, tenthText(r.Need), note)
}

func (t *trial) lacking(a *arms) string {
	if !a.compared {
		return fmt.Sprintf("%s has no version before it to compare with", named(a.current))
	}
	return fmt.Sprintf("%s samples on %s (needs %d) and, on %s, %s now (needs %d) and %s before the cut-over (needs %d)",
		countText(t.counted[atCurrent].N), named(a.current), leastArm, named(a.previous),
		countText(t.counted[atPrevious].N), leastArm, countText(t.base.N), leastHistory)
}

// confirmation is the sentence why the comparison is confirmed, or why not.
func (t *trial) confirmation(a *arms) string {
	c, p := t.counted[atCurrent], t.counted[atPrevious]
	if !t.slot.seq.randomised {
		return "the arms are not split at random: only people can tell a bad release from another public"
	}
	if p.N == 0 {
		return fmt.Sprintf("%s gets no traffic any more: its history alone says so", named(a.previous))
	}
	verb, e := "confirms", countText(math.Exp(t.proof))
	if !t.confirmed {
		verb, e = "has not confirmed yet", tenthText(math.Exp(t.proof))+" of 20"
	}
	return fmt.Sprintf("the %s holdback on %s %s: %s of %s against %s of %s, e = %s",
		percentText(roundTo(p.N/(p.N+c.N), 2)), named(a.previous), verb,
		countText(c.Bad), countText(c.N), countText(p.Bad), countText(p.N), e)
}

func named(version string) string {
	if version == "" {
		return "the unnamed version"
	}
	return version
}

// tenthText writes a log e: one digit behind the point is all that it means.
func tenthText(x float64) string { return figureText(math.Round(x*10) / 10) }
