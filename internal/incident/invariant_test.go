package incident

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/rules"
)

// check holds one step against what reliability.md §10 asks of the machine.
func check(before Target, in Input, out Outcome) error {
	for _, one := range []func(Target, Input, Outcome) error{
		written, absolute, intentFirst, oneActive, approvedFirst, answersStand, observes, lossless, alive, bounds,
	} {
		if err := one(before, in, out); err != nil {
			return err
		}
	}
	return nil
}

// written: no effect and no change without an entry; every entry says something.
func written(before Target, _ Input, out Outcome) error {
	if len(out.Entries) > 0 {
		for _, e := range out.Entries {
			if e.Text == "" || e.Kind == "" || e.By == "" || e.At.IsZero() {
				return fmt.Errorf("entry without its words: %+v", e)
			}
		}
		return nil
	}
	if len(out.Effects) > 0 {
		return fmt.Errorf("effects without entries: %v", out.Effects)
	}
	if diff := cmp.Diff(before, out.State); diff != "" {
		return fmt.Errorf("a change without entries:\n%s", diff)
	}
	return nil
}

// absolute (I7, I8, I28): To never changes, an effect goes there and nowhere
// else, and nothing empty means everything.
func absolute(before Target, _ Input, out Outcome) error {
	was, is := before.Incident, out.State.Incident
	if was != nil && is != nil && was.ID == is.ID && was.To != "" && was.To != is.To {
		return fmt.Errorf("%s went to %s and goes to %s now", is.ID, was.To, is.To)
	}
	for _, effect := range out.Effects {
		switch e := effect.(type) {
		case MakePlan:
			if e.To == "" || e.To != is.To || e.To == e.From {
				return fmt.Errorf("a plan from %q to %q for %s to %q", e.From, e.To, is.ID, is.To)
			}
		case Execute:
			if e.Plan.To != is.To || e.Plan.Check() != nil || e.Step >= len(e.Plan.Steps) || e.Plan.Steps[e.Step].To.IsZero() {
				return fmt.Errorf("an act outside of the plan: %+v", e)
			}
		}
	}
	return nil
}

// intentFirst (I9, I10): an act has its intent in the same record, with a token
// above all before it.
func intentFirst(before Target, _ Input, out Outcome) error {
	acts := 0
	for _, effect := range out.Effects {
		e, ok := effect.(Execute)
		if !ok {
			continue
		}
		acts++
		x := out.State.Incident.Exec
		if out.State.Incident.State != Executing || x == nil || x.Step != e.Step || x.Attempt != e.Attempt.N || x.Epoch != e.Attempt.Token.Epoch {
			return fmt.Errorf("an act without its intent: %+v against %+v", e.Attempt, x)
		}
		if e.Attempt.Token.Epoch <= before.Epoch || x.Unknown != "" || x.Done {
			return fmt.Errorf("an act with an old token: %+v", e.Attempt)
		}
	}
	if acts > 1 {
		return fmt.Errorf("%d acts in one step", acts)
	}
	return nil
}

// oneActive (I12): a new incident opens only when the last has ended.
func oneActive(before Target, _ Input, out Outcome) error {
	was, is := before.Incident, out.State.Incident
	if was != nil && is != nil && was.ID != is.ID && !was.State.Terminal() {
		return fmt.Errorf("%s opened while %s was %s", is.ID, was.ID, was.State)
	}
	return nil
}

// approvedFirst (I17, I18): what people must say yes to has their yes, to this
// plan, from enough of them.
func approvedFirst(_ Target, in Input, out Outcome) error {
	starts := slices.ContainsFunc(out.Effects, begins)
	if !starts {
		return nil
	}
	inc := out.State.Incident
	if inc.Mode >= rules.Veto && inc.confirmed() != nil {
		return nil
	}
	if inc.yeses() < 1 {
		return fmt.Errorf("%T acts in mode %s with nobody's yes to %s", in, inc.Mode, inc.Plan.Digest)
	}
	return nil
}

// answersStand (I19): what has ended does nothing more, except when a person
// retries it; denied stays denied.
func answersStand(before Target, in Input, out Outcome) error {
	was := before.Incident
	if was == nil || !was.State.Terminal() || out.State.Incident.ID != was.ID {
		return nil
	}
	if _, retried := in.(Retry); retried && was.State != Denied {
		return nil
	}
	if out.State.Incident.State != was.State {
		return fmt.Errorf("%s was %s and is %s", was.ID, was.State, out.State.Incident.State)
	}
	for _, effect := range out.Effects {
		switch effect.(type) {
		case Execute, MakePlan, Check:
			return fmt.Errorf("%s is %s and asks for %T", was.ID, was.State, effect)
		case Announce, Reconsider:
		}
	}
	return nil
}

// observes (I16): a rule in mode observe opens nothing.
func observes(before Target, in Input, out Outcome) error {
	d, ok := in.(Decide)
	if ok && d.Decision.Mode == rules.Observe && out.State.Opened != before.Opened {
		return fmt.Errorf("mode observe has opened %s", out.State.Incident.ID)
	}
	return nil
}

// lossless: what the journal gives back is what was written.
func lossless(_ Target, _ Input, out Outcome) error {
	raw, err := json.Marshal(out.State)
	if err != nil {
		return err
	}
	var back Target
	if err := json.Unmarshal(raw, &back); err != nil {
		return err
	}
	if diff := cmp.Diff(out.State, back); diff != "" {
		return fmt.Errorf("the journal loses something:\n%s", diff)
	}
	return nil
}

// alive (I5): what has not ended has a time at which it goes on by itself.
func alive(_ Target, _ Input, out Outcome) error {
	inc := out.State.Incident
	if inc == nil || inc.State.Terminal() {
		return nil
	}
	if out.State.Deadline().IsZero() {
		return fmt.Errorf("%s is %s for ever", inc.ID, inc.State)
	}
	if inc.State == Planned || inc.State == Approved {
		return fmt.Errorf("%s was left in %s", inc.ID, inc.State)
	}
	return nil
}

// bounds (I21): the record stays small.
func bounds(_ Target, _ Input, out Outcome) error {
	s := out.State
	if len(s.Past) > maxPast || len(s.Decided) > maxDecided || len(s.Ledger) > maxLedger || len(s.Acted) > maxActed {
		return fmt.Errorf("over the bounds: %d past, %d decided, %d releases", len(s.Past), len(s.Decided), len(s.Ledger))
	}
	return nil
}
