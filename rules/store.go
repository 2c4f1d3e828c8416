package rules

import (
	"math"
	"time"

	"github.com/ripcord-dev/ripcord/rules/window"
)

// seqHistory is how far back the counts of a version go that a comparison may
// use once the version has been replaced.
const seqHistory = 24 * time.Hour

// store is the window of one slot for one version. The zero value holds nothing
// and takes nothing.
type store struct {
	sums      *window.Sums
	extremes  *window.Extremes
	quantiles *window.Quantiles
	since     int64 // it has heard everything since then
}

func newStore(s *slot, since int64) store {
	switch s.fn {
	case fnFiring:
		return store{}
	case fnMin, fnMax:
		return store{extremes: window.NewExtremes(s.window), since: since}
	case fnQuantile:
		return store{quantiles: window.NewQuantiles(s.window), since: since}
	case fnSeqShare:
		return store{sums: window.NewSums(seqHistory), since: since}
	default:
		return store{sums: window.NewSums(s.window), since: since}
	}
}

// add files a sample of time t into the window that ends at end.
func (s *store) add(t, end int64, m measure) window.Filed {
	switch {
	case s.extremes != nil:
		return s.extremes.Add(t, end, m.value, m.weight)
	case s.quantiles != nil:
		return s.quantiles.Add(t, end, m.value, m.weight)
	case s.sums != nil:
		return s.sums.Add(t, end, window.Tally{N: m.weight, Sum: m.weight * m.value, Bad: m.bad})
	}
	return window.InTime
}

// read is the value of the slot's function over the window that ends at end, and
// the samples behind it; NaN where there is no value.
func (s *store) read(slot *slot, end int64) (value, n float64) {
	switch {
	case s.extremes != nil:
		r := s.extremes.Roll(end)
		if slot.fn == fnMin {
			return r.Min, r.N
		}
		return r.Max, r.N
	case s.quantiles != nil:
		n = s.quantiles.Roll(end)
		return s.quantiles.At(slot.q), n
	case s.sums != nil:
		t := s.sums.Roll(end)
		return tallied(slot, t), t.N
	}
	return math.NaN(), 0
}

func tallied(s *slot, t window.Tally) float64 {
	switch s.fn {
	case fnCount:
		return t.Bad
	case fnRate:
		return t.Bad / s.window.Seconds()
	case fnSum:
		return t.Sum
	case fnAvg:
		return t.Sum / t.N
	default:
		return t.Bad / t.N
	}
}

// change is the earliest end at which read gives something else, if nothing comes.
func (s *store) change() int64 {
	switch {
	case s.extremes != nil:
		return s.extremes.Change()
	case s.quantiles != nil:
		return s.quantiles.Change()
	case s.sums != nil:
		return s.sums.Change()
	}
	return never
}

// measure is what a slot sees in an event.
type measure struct{ value, weight, bad float64 }

// measured says what came of measuring an event.
type measured uint8

const (
	counted measured = iota // the event counts
	passes                  // the event is none of the slot's
	garbled                 // a number in it is none
)

// measure reads an event with the slot's programs.
func (s *slot) measure(r *row) (m measure, what measured) {
	if s.where != nil && !s.where(r) {
		return m, passes
	}
	m.weight = 1
	if s.weight >= 0 {
		m.weight = r.columns[s.weight].Num
		if !s.has(r, s.weight) {
			return m, passes
		}
	}
	hit := s.pred == nil || s.pred(r)
	switch {
	case s.num != nil:
		var ok bool
		if m.value, ok = s.num(r); !ok || !hit {
			return m, passes
		}
	case s.bad >= 0:
		if !s.has(r, s.bad) {
			return m, passes
		}
		m.bad = r.columns[s.bad].Num
	case hit:
		m.bad = m.weight
	}
	if !sound(m) {
		return m, garbled
	}
	return m, counted
}

func (s *slot) has(r *row, column int) bool { return r.columns[column].Kind != 0 }

// sound tells that the numbers are finite, and that the counts are counts.
func sound(m measure) bool {
	return m.weight >= 0 && m.bad >= 0 && m.bad <= m.weight &&
		!math.IsInf(m.weight, 0) && !math.IsInf(m.value, 0) && !math.IsNaN(m.value)
}
