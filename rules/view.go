package rules

import "time"

// RuleView is what one rule says now, for people.
type RuleView struct {
	Rule    string    `json:"rule"`
	Group   string    `json:"group"`
	Target  string    `json:"target"`
	Version string    `json:"version"`
	Mode    Mode      `json:"mode"`
	State   State     `json:"state"`
	Since   time.Time `json:"since,omitzero"` // of the state
	At      time.Time `json:"at,omitzero"`    // of the last evaluation
	Truth   Truth     `json:"truth"`          // what the condition said then
	Value   Scalar    `json:"value"`
	Reason  string    `json:"reason"` // one sentence with the numbers in it; why UNKNOWN, where it is

	Readings []Reading         `json:"readings,omitempty"`
	Values   map[string]Scalar `json:"values,omitempty"`
}

// Counters count what was taken in and what was left out, since the evaluator
// was made.
type Counters struct {
	Events      uint64 // taken in, ticks left out
	Duplicates  uint64 // (source, id) seen before
	Forgotten   uint64 // ids dropped before their time: more than MaxIDs
	Unruled     uint64 // for a target that no rule names
	UnknownType uint64 // of a type that no signal of the target reads
	Mismatched  uint64 // fields of another kind than declared: read as missing
	Unreleased  uint64 // of a version that is in neither arm
	Late        uint64 // filed into a pane that had closed
	Dropped     uint64 // older than every window that reads them
	Future      uint64 // more than 2 min ahead: clamped
	NotFinite   uint64 // a value, weight or bad count that is not a number
	Overflow    uint64 // alerts beyond those that a slot can hold
}

// Firing lists the decisions that hold now, in file order, as the engine needs
// them when it takes over. At is the last evaluation, and the evidence is what the
// slots said then; Confirmed is as told last.
func (e *Evaluator) Firing(target string) []Decision {
	t := e.targets[target]
	if t == nil {
		return nil
	}
	var out []Decision
	for i := range t.rules {
		r := &t.rules[i]
		if r.state != Firing {
			continue
		}
		d := r.decided
		d.At = moment(r.at)
		if r.truth == True {
			t.prove(r, &d)
		}
		out = append(out, d)
	}
	return out
}

// Snapshot is what each rule of a target says, in file order.
func (e *Evaluator) Snapshot(target string) []RuleView {
	t := e.targets[target]
	var out []RuleView
	for i, rule := range e.set.Rules(target) {
		v := RuleView{Rule: rule.Name, Group: rule.Group, Target: target, Mode: rule.Mode, State: Inactive}
		if t == nil {
			v.Value, v.Reason = Scalar{State: Insufficient}, "no event of this target has come yet"
		} else {
			t.view(&t.rules[i], &v)
		}
		out = append(out, v)
	}
	return out
}

// view fills in what a rule with state says.
func (t *target) view(r *ruleState, v *RuleView) {
	v.Version, v.State, v.Since, v.At, v.Truth = t.current, r.state, moment(r.since), moment(r.at), r.truth
	if r.at == 0 {
		v.Value, v.Reason = Scalar{State: Insufficient}, "not evaluated yet"
		return
	}
	v.Value = Scalar{Value: t.leading(r.Rule)}
	if r.truth == Unknown {
		v.Value = Scalar{State: r.why}
		if r.state == Inactive {
			v.State = r.why
		}
	}
	v.Reason = t.reason(r)
	f := t.details(r.Rule)
	for _, slot := range r.condSlot {
		v.Readings = append(v.Readings, f.readings[slot])
	}
	v.Values = t.named(r.Rule, f)
}
