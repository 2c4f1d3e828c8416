package window

import (
	"math"
	"time"
)

// Tally is what Sums counts: samples, the sum of their values, and how many were
// bad. A sample of weight w counts w times.
type Tally struct{ N, Sum, Bad float64 }

// Sums is a window of tallies: counts, rates, sums, averages and shares.
type Sums struct {
	panes[Tally]
	sum   Tally
	drift int // panes subtracted since the sum was added up anew
}

// NewSums is an empty window.
func NewSums(length time.Duration) *Sums {
	return &Sums{panes: panes[Tally]{Layout: NewLayout(length, 60)}}
}

// Add files a sample of time t into the window that ends at end.
func (s *Sums) Add(t, end int64, sample Tally) Filed {
	s.roll(end, s)
	p, inside, filed := s.file(t, end)
	if p == nil {
		return filed
	}
	p.plus(sample)
	if inside {
		s.sum.plus(sample)
	}
	return filed
}

// Roll moves the end and returns what the window holds.
func (s *Sums) Roll(end int64) Tally {
	s.roll(end, s)
	return s.sum
}

func (s *Sums) enter(p *Tally) { s.sum.plus(*p) }

// leave subtracts a pane. Subtraction leaves rounding errors behind, so now and
// then, and at once where the errors could be of the sum's own size, the panes are
// added up again.
func (s *Sums) leave(p *Tally) {
	gone := *p
	s.sum.plus(Tally{-gone.N, -gone.Sum, -gone.Bad})
	s.drift++
	if s.drift >= 64 || rough(gone.N, s.sum.N) || rough(gone.Sum, s.sum.Sum) || rough(gone.Bad, s.sum.Bad) {
		s.drift, s.sum = 0, Tally{}
		for i := range s.held() {
			s.sum.plus(s.held()[i].data)
		}
	}
}

// rough tells that taking gone away may have spoilt left beyond 2^-32.
func rough(gone, left float64) bool {
	return gone != 0 && !(math.Abs(gone) <= (1<<20)*math.Abs(left))
}

func (t *Tally) plus(u Tally) {
	t.N += u.N
	t.Sum += u.Sum
	t.Bad += u.Bad
}
