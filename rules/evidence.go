package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/rules/stat"
)

// maxEvents bounds the event ids in a decision.
const maxEvents = 10

// frozenSlot is what a slot said when its rule fired, for the judgement of the
// version that comes after.
type frozenSlot struct {
	slot      int
	reading   Reading
	bad, base stat.Counts // of a comparison: the version that is bad, and the one before it
}

// details is the frame of a rule with everything that people want to know, as of
// the last evaluation. It is valid until the next frame is made.
func (t *target) details(r *Rule) *frame {
	if len(t.detailed) != len(t.readings) {
		t.detailed = make([]Reading, len(t.readings))
	}
	for _, slot := range r.slots {
		t.detailed[slot] = t.readings[slot]
		t.cells[slot].detail(&t.arms, t.readAt[slot], &t.detailed[slot])
	}
	return r.fill(&t.frame, t.detailed, t.truths)
}

// reason is the sentence why the rule's condition is what it is.
func (t *target) reason(r *ruleState) string {
	f := t.details(r.Rule)
	if truth := r.cond.eval(f); r.truth == Unknown && truth != Unknown {
		return "the windows have not been heard out yet: " + explainLeaves(r.cond, f, truth)
	}
	return explainLeaves(r.cond, f, r.truth)
}

// explainLeaves joins what the leaves found that agree with the whole, or what
// all of them found when none does.
func explainLeaves(c condition, f *frame, truth Truth) string {
	var agree, all []string
	c.walk(func(l leaf) {
		text := l.explain(f)
		all = append(all, text)
		if l.eval(f) == truth {
			agree = append(agree, text)
		}
	})
	if len(agree) == 0 {
		agree = all
	}
	if len(agree) == 0 {
		return "the condition is " + truth.String() + " whatever comes"
	}
	return strings.Join(agree, " and ")
}

// leading is the number that a rule is about: the left side of its first
// comparison, else the value of its first slot; 0 when there is none.
func (t *target) leading(r *Rule) float64 {
	f := r.fill(&t.frame, t.readings, t.truths)
	value, found := 0.0, false
	r.cond.walk(func(l leaf) {
		if left, _, ok := l.sides(f); ok && !found {
			value, found = left, true
		}
	})
	if !found && len(r.condSlot) > 0 {
		value = f.readings[r.condSlot[0]].Value
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0
	}
	return value
}

// fire makes the decision of an episode.
func (t *target) fire(r *ruleState, now int64) {
	version, events := t.blamed(r.Rule)
	id := decisionID(r.Hash, t.name, version, moment(r.episode))
	confirmed, sentence := t.confirmation(r.Rule)
	r.decided = Decision{
		ID: id, At: moment(now), Episode: moment(r.episode), Rule: r.Name, Group: r.Group, Trigger: r.Trigger,
		Severity: r.Severity, Mode: r.Mode, Target: t.name, Version: version, Previous: t.previous,
		Confirmed: confirmed, Confirmation: sentence, Runbook: r.runbook, RuleHash: r.Hash, File: r.File, Commit: r.Commit,
	}
	if r.decided.Previous == version {
		r.decided.Previous = ""
	}
	t.prove(r, &r.decided)
	r.decided.Evidence.Events = events
	r.fired = t.freeze(r.Rule)
	t.verdict(r, Firing, now, r.decided.Evidence.Reason)
	t.out.Decisions = append(t.out.Decisions, r.decided)
}

// decisionID is the first 16 bytes of a hash, so that a replay of the same log
// makes the same one.
func decisionID(hash, target, version string, episode time.Time) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{hash, target, version, episode.Format(time.RFC3339Nano)}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// confirm tells the decision once more when its evidence has become enough to act
// by itself.
func (t *target) confirm(r *ruleState, now int64) {
	confirmed, sentence := t.confirmation(r.Rule)
	if !confirmed {
		return
	}
	r.decided.At, r.decided.Confirmed, r.decided.Confirmation = moment(now), true, sentence
	t.prove(r, &r.decided)
	t.out.Decisions = append(t.out.Decisions, r.decided)
}

// prove fills in a decision's evidence and what is written from it.
func (t *target) prove(r *ruleState, d *Decision) {
	f := t.details(r.Rule)
	events := d.Evidence.Events
	d.Evidence = Evidence{Reason: explainLeaves(r.cond, f, r.truth), Values: t.named(r.Rule, f), Events: events}
	newest := int64(0)
	for _, slot := range r.condSlot {
		reading := f.readings[slot]
		d.Evidence.Slots = append(d.Evidence.Slots, reading)
		newest = max(newest, t.cells[slot].feed.newest)
	}
	d.Evidence.Newest = moment(newest)
	d.Summary = r.summarize(t.name, d.Version, d.Previous, d.Evidence.Values)
}

// named is the rule's named values.
func (t *target) named(r *Rule, f *frame) map[string]Scalar {
	if len(r.values) == 0 {
		return nil
	}
	out := make(map[string]Scalar, len(r.values))
	for _, v := range r.values {
		x, state := v.eval(f)
		if state != "" {
			x = 0
		}
		out[v.name] = Scalar{Value: x, State: state}
	}
	return out
}

// blamed is the version that a rule's evidence is about: the one that an alert
// names, else the current one; with the ids of the alerts.
func (t *target) blamed(r *Rule) (version string, events []string) {
	version = t.current
	for _, slot := range r.condSlot {
		c := t.cells[slot]
		if c.book == nil {
			continue
		}
		for _, a := range c.book.ring(&t.arms, c.slot.timeout, t.readAt[slot], false).ringing {
			if len(events) == 0 && a.version != "" {
				version = a.version
			}
			if len(events) < maxEvents {
				events = append(events, a.id)
			}
		}
	}
	return version, events
}

// confirmation tells whether a condition that is TRUE would be so without the
// comparisons that only history supports, and says why or why not.
func (t *target) confirmation(r *Rule) (confirmed bool, sentence string) {
	var doubted []int
	for _, slot := range r.condSlot {
		trial := t.cells[slot].trial
		if trial == nil || t.truths[slot] != True {
			continue
		}
		switch {
		case !trial.confirmed || !trial.slot.seq.randomised:
			if len(doubted) == 0 {
				sentence = trial.confirmation(&t.arms)
			}
			doubted = append(doubted, slot)
		case sentence == "" && len(doubted) == 0:
			sentence = trial.confirmation(&t.arms)
		}
	}
	if len(doubted) == 0 {
		return true, sentence
	}
	for _, slot := range doubted {
		t.truths[slot] = Unknown
	}
	without := r.cond.eval(r.fill(&t.frame, t.readings, t.truths))
	for _, slot := range doubted {
		t.truths[slot] = True
	}
	if without == True {
		return true, "the condition holds without what only history says"
	}
	return false, sentence
}

// freeze keeps what a rule's slots say.
func (t *target) freeze(r *Rule) []frozenSlot {
	f := t.details(r)
	out := make([]frozenSlot, 0, len(r.condSlot))
	for _, slot := range r.condSlot {
		frozen := frozenSlot{slot: slot, reading: f.readings[slot]}
		if trial := t.cells[slot].trial; trial != nil {
			frozen.bad, frozen.base = trial.counted[atCurrent], trial.base
			if frozen.base.N < leastHistory {
				frozen.base = trial.counted[atPrevious]
			}
		}
		out = append(out, frozen)
	}
	return out
}
