package window

import (
	"math"
	"time"
)

// The histogram's bins are those of DDSketch's logarithmic mapping (Masson, Rim,
// Lee 2019): bin k holds (γ^(k-1), γ^k], and 2γ^k/(γ+1) is within Accuracy of every
// value in it. Bins are counted flat, so a pane can be subtracted and nothing is
// merged at a look. Negative values have the mirrored bins, and what is nearer to
// zero than tiny has bin 0.
const (
	// Accuracy is the relative error of a quantile.
	Accuracy = 0.01
	tiny     = 1e-9
	huge     = 1e15 // values beyond it count as it
	gamma    = (1 + Accuracy) / (1 - Accuracy)
)

var (
	lnGamma = math.Log(gamma)
	firstK  = int(math.Ceil(math.Log(tiny) / lnGamma)) // the bin of tiny has number 1
)

// bin is the number of a value's bin; it grows with the value.
func bin(v float64) int {
	a := math.Abs(v)
	if a < tiny {
		return 0
	}
	k := int(math.Ceil(math.Log(min(a, huge))/lnGamma)) - firstK + 1
	if v < 0 {
		return -k
	}
	return k
}

// middle is the value that stands for a bin.
func middle(b int) float64 {
	switch {
	case b == 0:
		return 0
	case b < 0:
		return -middle(-b)
	}
	return 2 * math.Exp(float64(b+firstK-1)*lnGamma) / (gamma + 1)
}

// counts is a run of bins that starts at number first. Most panes need no more
// than 16 bits a bin; one that does has wide instead of narrow.
type counts struct {
	first  int
	narrow []uint16
	wide   []uint32
}

// add counts n more values and returns how many it could take.
func (c *counts) add(b int, n uint32) uint32 {
	c.cover(b)
	i := b - c.first
	if c.wide == nil {
		if n <= math.MaxUint16 && c.narrow[i] <= math.MaxUint16-uint16(n) {
			c.narrow[i] += uint16(n)
			return n
		}
		c.widen()
	}
	n = min(n, math.MaxUint32-c.wide[i])
	c.wide[i] += n
	return n
}

func (c *counts) widen() {
	c.wide = make([]uint32, len(c.narrow))
	for i, n := range c.narrow {
		c.wide[i] = uint32(n)
	}
	c.narrow = nil
}

// cover makes room for bin b, with a few neighbours: values come in clusters.
func (c *counts) cover(b int) {
	const spare = 8
	n := len(c.narrow) + len(c.wide)
	switch {
	case n == 0:
		c.first = b - spare
		c.narrow = extend(c.narrow, 0, 2*spare+1)
	case b < c.first:
		front := c.first - b + spare
		if c.wide != nil {
			c.wide = extend(c.wide, front, front+n)
		} else {
			c.narrow = extend(c.narrow, front, front+n)
		}
		c.first -= front
	case b >= c.first+n:
		if c.wide != nil {
			c.wide = extend(c.wide, 0, b-c.first+1+spare)
		} else {
			c.narrow = extend(c.narrow, 0, b-c.first+1+spare)
		}
	}
}

// extend is old at offset front of a slice of n, in old's room where it fits.
func extend[T uint16 | uint32 | uint64](old []T, front, n int) []T {
	out := old
	if cap(old) < n {
		out = make([]T, n)
	}
	out = out[:n]
	end := front + copy(out[front:], old)
	clear(out[:front])
	clear(out[end:])
	return out
}

// Quantiles is a window of histograms.
type Quantiles struct {
	panes[counts]
	first int
	bins  []uint64
	n     uint64
	spare []counts // of panes that have left, to be used again
}

// NewQuantiles is an empty window. Its panes are fewer and longer than those of
// other windows, because each is a histogram.
func NewQuantiles(length time.Duration) *Quantiles {
	return &Quantiles{panes: panes[counts]{Layout: NewLayout(length, 24)}}
}

// Add files a sample of time t into the window that ends at end; it counts as
// weight samples, rounded.
func (q *Quantiles) Add(t, end int64, value, weight float64) Filed {
	if weight < .5 {
		return InTime
	}
	q.roll(end, q)
	p, inside, filed := q.file(t, end)
	if p == nil {
		return filed
	}
	if len(p.narrow)+len(p.wide) == 0 && len(q.spare) > 0 {
		*p = q.spare[len(q.spare)-1]
		q.spare = q.spare[:len(q.spare)-1]
	}
	b := bin(value)
	n := p.add(b, uint32(min(weight+.5, math.MaxUint32)))
	if inside {
		q.reach(b, b+1)
		q.bins[b-q.first] += uint64(n)
		q.n += uint64(n)
	}
	return filed
}

// Roll moves the end and returns how many samples the window holds.
func (q *Quantiles) Roll(end int64) float64 {
	q.roll(end, q)
	return float64(q.n)
}

// At is the p quantile of what is held, 0 ≤ p ≤ 1: the sample of rank p·(n-1),
// rounded down, within Accuracy. It is NaN when nothing is held.
func (q *Quantiles) At(p float64) float64 {
	if q.n == 0 || !(p >= 0 && p <= 1) {
		return math.NaN()
	}
	rank := uint64(p * float64(q.n-1))
	seen := uint64(0)
	for i, n := range q.bins {
		seen += n
		if seen > rank {
			return middle(q.first + i)
		}
	}
	return math.NaN() // impossible: the bins add up to n
}

// reach makes the total cover bins from up to below to.
func (q *Quantiles) reach(from, to int) {
	if len(q.bins) == 0 {
		q.first = from
	}
	front := max(q.first-from, 0)
	n := max(q.first+len(q.bins), to) - q.first + front
	if front > 0 || n > len(q.bins) {
		q.bins = extend(q.bins, front, n)
		q.first -= front
	}
}

func (q *Quantiles) enter(p *counts) { q.fold(p, 1) }

func (q *Quantiles) leave(p *counts) {
	q.fold(p, -1)
	if p.wide == nil && len(q.spare) < 2 {
		q.spare = append(q.spare, counts{narrow: p.narrow[:0]})
	}
	if q.n == 0 {
		q.bins = q.bins[:0] // a new range of values may be elsewhere
	}
}

// fold adds a pane to the total or, with sign -1, takes it away.
func (q *Quantiles) fold(p *counts, sign int) {
	q.reach(p.first, p.first+len(p.narrow)+len(p.wide))
	bins := q.bins[p.first-q.first:]
	for i, n := range p.narrow {
		bins[i] += uint64(sign) * uint64(n)
		q.n += uint64(sign) * uint64(n)
	}
	for i, n := range p.wide {
		bins[i] += uint64(sign) * uint64(n)
		q.n += uint64(sign) * uint64(n)
	}
}
