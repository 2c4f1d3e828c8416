package window

import "time"

// Range is the number of samples, the least and the greatest.
type Range struct{ N, Min, Max float64 }

// Extremes is a window of ranges: minimum and maximum.
type Extremes struct{ panes[Range] }

// NewExtremes is an empty window.
func NewExtremes(length time.Duration) *Extremes {
	return &Extremes{panes: panes[Range]{Layout: NewLayout(length, 60)}}
}

// Add files a sample of time t into the window that ends at end; it counts weight
// times.
func (x *Extremes) Add(t, end int64, value, weight float64) Filed {
	x.roll(end, x)
	p, _, filed := x.file(t, end)
	if p != nil {
		p.join(Range{weight, value, value})
	}
	return filed
}

// Roll moves the end and returns what the window holds; Min and Max are only
// meant when N > 0.
func (x *Extremes) Roll(end int64) Range {
	x.roll(end, x)
	var all Range
	for i := range x.held() {
		all.join(x.held()[i].data)
	}
	return all
}

func (x *Extremes) enter(*Range) {}
func (x *Extremes) leave(*Range) {}

func (r *Range) join(o Range) {
	if o.N <= 0 {
		return
	}
	if r.N <= 0 {
		*r = o
		return
	}
	r.N, r.Min, r.Max = r.N+o.N, min(r.Min, o.Min), max(r.Max, o.Max)
}
