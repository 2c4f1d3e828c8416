package rules

import (
	"slices"
	"time"
)

// year is what a watch's budget of false alarms is counted in.
const year = 365 * 24 * time.Hour

// layout is what the evaluator derives from a program once: who reads what.
// Targets with the same program share it.
type layout struct {
	*program
	lanes    []laneRules // by interval, the shortest first
	berths   []berth     // of each rule
	readers  [][]int     // by slot: the rules that read it
	urgent   [][]int     // by signal: the rules that read its alerts
	slowest  []int64     // by signal: the longest interval of its readers
	floor    []float64   // by slot: the samples that the most demanding reader wants
	watchers int         // comparisons in watch form, which share a budget
}

// laneRules are the rules of one interval.
type laneRules struct {
	interval int64
	rules    []int // in the order of the files
}

// berth is where a rule stands in the lanes.
type berth struct{ lane, index int }

func newLayout(p *program) *layout {
	l := &layout{
		program: p, berths: make([]berth, len(p.rules)), readers: make([][]int, len(p.slots)),
		urgent: make([][]int, len(p.signals)), slowest: make([]int64, len(p.signals)), floor: make([]float64, len(p.slots)),
	}
	intervals := make([]int64, len(p.rules))
	for i, r := range p.rules {
		intervals[i] = max(int64(r.Interval), int64(time.Millisecond))
	}
	distinct := slices.Clone(intervals)
	slices.Sort(distinct)
	for _, interval := range slices.Compact(distinct) {
		l.lanes = append(l.lanes, laneRules{interval: interval})
	}
	for i, r := range p.rules {
		lane := slices.IndexFunc(l.lanes, func(lane laneRules) bool { return lane.interval == intervals[i] })
		l.berths[i] = berth{lane, len(l.lanes[lane].rules)}
		l.lanes[lane].rules = append(l.lanes[lane].rules, i)
		l.index(i, r, intervals[i])
	}
	for _, s := range p.slots {
		if s.fn == fnSeqShare && s.seq.watch {
			l.watchers++
		}
	}
	return l
}

func (l *layout) index(rule int, r *Rule, interval int64) {
	for i, slot := range r.slots {
		s := l.slots[slot]
		l.readers[slot] = append(l.readers[slot], rule)
		l.slowest[s.signal] = max(l.slowest[s.signal], interval)
		l.floor[slot] = max(l.floor[slot], r.floors[i])
		if s.fn == fnFiring && !slices.Contains(l.urgent[s.signal], rule) {
			l.urgent[s.signal] = append(l.urgent[s.signal], rule)
		}
	}
}
