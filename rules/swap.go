package rules

import (
	"maps"
	"slices"
)

// Swap puts a new Set in place. A slot whose key is equal keeps its state, a rule
// whose hash is equal keeps what it says; others begin anew, and a rule that was
// firing and is gone resolves, which the next output tells.
func (e *Evaluator) Swap(set *Set) {
	e.set, e.layouts, e.due = set, make(map[*program]*layout), nil
	old := e.targets
	e.targets = make(map[string]*target, len(old))
	for _, name := range slices.Sorted(maps.Keys(old)) {
		t := old[name]
		t.out = &e.out
		p := set.program(name)
		if p == nil {
			t.orphan(nil, e.now)
			continue
		}
		next := newTarget(name, e.layout(p), e.now)
		next.inherit(t, e.now)
		next.wakeAll(e.now)
		e.targets[name] = next
		e.enqueue(next)
	}
}

// inherit takes over from the target's state under the former rules.
func (t *target) inherit(old *target, now int64) {
	t.arms, t.shares, t.now = old.arms, old.shares, old.now
	for i := range t.feeds {
		f := &t.feeds[i]
		for _, g := range old.feeds {
			if g.signal.name == f.signal.name && g.signal.typ == f.signal.typ {
				f.last, f.newest, f.step, f.began = g.last, g.newest, g.step, g.began
			}
		}
	}
	moved := make(map[int]int) // old slot → new slot
	byKey := make(map[string]int, len(old.slots))
	for i, s := range old.slots {
		byKey[s.key] = i
	}
	for i, c := range t.cells {
		was, known := byKey[c.slot.key]
		if !known {
			continue
		}
		moved[was] = i
		kept := *old.cells[was]
		kept.slot, kept.feed, kept.floor = c.slot, c.feed, c.floor
		if kept.trial != nil {
			kept.trial.slot = c.slot
		}
		t.cells[i] = &kept
	}
	t.adopt(old, moved, now)
}

// adopt takes over the states of rules with the same hash.
func (t *target) adopt(old *target, moved map[int]int, now int64) {
	byHash := make(map[string]*ruleState, len(old.rules))
	for i := range old.rules {
		byHash[old.rules[i].Hash] = &old.rules[i]
	}
	for i := range t.rules {
		r := &t.rules[i]
		was := byHash[r.Hash]
		if was == nil {
			continue
		}
		delete(byHash, r.Hash)
		rule := r.Rule
		*r = *was
		r.Rule, r.due, r.timer = rule, never, never
		r.fired = moveFrozen(r.fired, moved)
		if r.recovery != nil {
			v := *r.recovery
			v.rule, v.fired = *rule, moveFrozen(v.fired, moved)
			v.rule.MinSamples = 0
			r.recovery = &v
		}
	}
	old.orphan(byHash, now)
}

// moveFrozen gives frozen slots their new indices; one without a place is lost,
// and then reads as it does live.
func moveFrozen(frozen []frozenSlot, moved map[int]int) []frozenSlot {
	var out []frozenSlot
	for _, f := range frozen {
		if to, ok := moved[f.slot]; ok {
			f.slot = to
			out = append(out, f)
		}
	}
	return out
}

// orphan resolves the firing rules that nobody takes over; with nil, all of them.
func (t *target) orphan(left map[string]*ruleState, now int64) {
	for i := range t.rules {
		r := &t.rules[i]
		if r.state == Firing && (left == nil || left[r.Hash] == r) {
			t.verdict(r, Resolved, now, "the rule has been changed or removed")
			r.state = Inactive
		}
	}
}
