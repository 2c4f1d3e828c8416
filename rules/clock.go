package rules

import (
	"cmp"
	"time"

	"github.com/ripcord-dev/ripcord/rules/window"
)

// never is the due time of what does not come by itself.
const never = window.Never

// The range of times that are told apart; what lies outside counts as its edge.
var (
	dawn = time.Unix(0, 0)
	dusk = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// nanos is a time as Unix nanoseconds.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(dawn):
		return 0
	case t.After(dusk):
		return dusk.UnixNano()
	}
	return t.UnixNano()
}

// moment is the inverse of nanos; the zero time for 0.
func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// boundary is the first multiple of interval at or after t.
func boundary(t, interval int64) int64 {
	if t >= never-interval {
		return never
	}
	if rest := t % interval; rest != 0 {
		return t - rest + interval
	}
	return t
}

// later is t+d, or never.
func later(t, d int64) int64 {
	if t >= never-d {
		return never
	}
	return t + d
}

// alarm is an entry of a queue: wake who at due. An entry that is out of date is
// left in the queue and recognised when it comes up.
type alarm[T cmp.Ordered] struct {
	due int64
	who T
}

func (a alarm[T]) before(b alarm[T]) bool {
	return a.due < b.due || a.due == b.due && a.who < b.who
}

// queue is a binary heap of alarms.
type queue[T cmp.Ordered] []alarm[T]

func (q *queue[T]) push(a alarm[T]) {
	*q = append(*q, a)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (q *queue[T]) pop() alarm[T] {
	h := *q
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*q = h
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return top
		}
		if down+1 < last && h[down+1].before(h[down]) {
			down++
		}
		if !h[down].before(h[i]) {
			return top
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
}
