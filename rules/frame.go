package rules

import (
	"fmt"
	"slices"
)

// frame is fill with buffers of its own.
func (r *Rule) frame(all []Reading, truths []Truth) *frame { return r.fill(new(frame), all, truths) }

// fill makes f the frame that the rule's condition and values are evaluated on,
// from the readings of all slots of the program. This is the one place where a
// minimum is applied: a reading of the rule with fewer samples than its slot's
// minimum or the rule's min_samples becomes INSUFFICIENT, with the reason, and
// its truth UNKNOWN. Of seq_share the samples of the judged arm count. Alerts
// (firing) are no samples and have no minimum. What only the rule's values read
// is shown and decides nothing: one sample is enough for it.
//
// all and truths are not changed. f may share them, and is valid until they
// change or f is filled again.
func (r *Rule) fill(f *frame, all []Reading, truths []Truth) *frame {
	f.readings, f.truths, f.minimum = all, truths, r.MinSamples
	copied := false
	for i, index := range r.slots {
		floor := r.floors[i]
		if all[index].State != "" || all[index].N >= floor {
			continue
		}
		if !copied {
			copied = true
			f.ownReadings = append(f.ownReadings[:0], all...)
			f.ownTruths = append(f.ownTruths[:0], truths...)
			f.readings, f.truths = f.ownReadings, f.ownTruths
		}
		f.readings[index].State = Insufficient
		f.readings[index].Reason = fmt.Sprintf("%s of %s samples", countText(all[index].N), countText(floor))
		f.truths[index] = Unknown
	}
	return f
}

// floorsOf is how many samples each slot of a rule needs.
func (r *Rule) floorsOf(slots []*slot) []float64 {
	floors := make([]float64, len(r.slots))
	for i, index := range r.slots {
		switch s := slots[index]; {
		case s.fn == fnFiring:
		case slices.Contains(r.condSlot, index):
			floors[i] = max(s.min, r.MinSamples)
		default:
			floors[i] = 1 // it is shown beside the evidence and decides nothing
		}
	}
	return floors
}

// merge is the union of two lists of slots, ascending.
func merge(a, b []int) []int {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
