package window

import (
	"math"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// twin keeps every sample and looks at all of them: the dumb window.
type twin struct {
	Layout
	samples []sample
}

type sample struct {
	t              int64
	v, weight, bad float64
}

func (w *twin) held(end int64) []sample {
	var in []sample
	for _, s := range w.samples {
		start := s.t - s.t%w.Pane // of its pane
		if start < end && start+w.Pane > end-w.Length {
			in = append(in, s)
		}
	}
	return in
}

func (w *twin) filed(t, end int64) Filed {
	edge := t - t%w.Pane + w.Pane
	switch {
	case edge <= end-w.Length:
		return TooLate
	case edge <= end:
		return Late
	}
	return InTime
}

var lengths = []time.Duration{time.Second, 2500 * time.Millisecond, 10 * time.Second, time.Minute, 7 * time.Minute, 24 * time.Hour, 30 * 24 * time.Hour}

// drive feeds the same random samples, ends and looks to a window and its twin.
func drive(t *rapid.T, layout func(time.Duration) Layout, add func(s sample, end int64) Filed, look func(end int64, in []sample)) {
	length := rapid.SampledFrom(lengths).Draw(t, "length")
	w := twin{Layout: layout(length)}
	end := int64(40*24) * int64(time.Hour)
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		switch rapid.IntRange(0, 3).Draw(t, "step") {
		case 0:
			end += rapid.Int64Range(0, int64(length)*5/4).Draw(t, "ahead")
		case 1:
			end += rapid.Int64Range(0, 3*w.Pane).Draw(t, "pane")
			end += w.Pane - 1 - (end+w.Pane-1)%w.Pane // up to an edge
		default:
			s := sample{
				t:      end + rapid.Int64Range(-int64(length)*5/4, int64(length)/4).Draw(t, "t"),
				v:      float64(rapid.IntRange(-50, 400).Draw(t, "v")) / 4,
				weight: float64(rapid.IntRange(1, 3).Draw(t, "weight")),
			}
			s.bad = min(s.weight, float64(rapid.IntRange(0, 3).Draw(t, "bad")))
			want := w.filed(s.t, end)
			if got := add(s, end); got != want {
				t.Fatalf("sample at %d with end %d is filed %d, want %d", s.t, end, got, want)
			}
			if want != TooLate {
				w.samples = append(w.samples, s)
			}
		}
		look(end, w.held(end))
	}
}

func TestSumsAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s *Sums
		drive(t, func(d time.Duration) Layout { s = NewSums(d); return s.Layout },
			func(x sample, end int64) Filed { return s.Add(x.t, end, Tally{x.weight, x.v, x.bad}) },
			func(end int64, in []sample) {
				var want Tally
				for _, x := range in {
					want.plus(Tally{x.weight, x.v, x.bad})
				}
				if got := s.Roll(end); got != want {
					t.Fatalf("got %v, want %v", got, want)
				}
				if len(s.held()) > 64 {
					t.Fatalf("%d panes", len(s.held()))
				}
			})
	})
}

func TestExtremesAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w *Extremes
		drive(t, func(d time.Duration) Layout { w = NewExtremes(d); return w.Layout },
			func(x sample, end int64) Filed { return w.Add(x.t, end, x.v, x.weight) },
			func(end int64, in []sample) {
				want := Range{0, math.Inf(1), math.Inf(-1)}
				for _, x := range in {
					want = Range{want.N + x.weight, math.Min(want.Min, x.v), math.Max(want.Max, x.v)}
				}
				if got := w.Roll(end); got.N != want.N || got.N > 0 && got != want {
					t.Fatalf("got %v, want %v", got, want)
				}
			})
	})
}

func TestQuantilesAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w *Quantiles
		scale := rapid.SampledFrom([]float64{1, 1e-7, 1e6}).Draw(t, "scale")
		drive(t, func(d time.Duration) Layout { w = NewQuantiles(d); return w.Layout },
			func(x sample, end int64) Filed { return w.Add(x.t, end, x.v*scale, x.weight) },
			func(end int64, in []sample) {
				var all []float64
				for _, x := range in {
					for range int(x.weight) {
						all = append(all, x.v*scale)
					}
				}
				sort.Float64s(all)
				if n := w.Roll(end); int(n) != len(all) {
					t.Fatalf("n %v, want %d", n, len(all))
				}
				for _, q := range []float64{0, .5, .9, .99, 1} {
					got := w.At(q)
					if len(all) == 0 {
						if !math.IsNaN(got) {
							t.Fatalf("quantile of nothing is %v", got)
						}
						continue
					}
					want := all[int(q*float64(len(all)-1))]
					if math.Abs(got-want) > Accuracy*math.Abs(want)*1.0001+tiny {
						t.Fatalf("quantile %v is %v, want %v", q, got, want)
					}
				}
			})
	})
}

// TestChangeIsTheNextOne: nothing changes before Change, and something does at it.
func TestChangeIsTheNextOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := NewSums(rapid.SampledFrom(lengths).Draw(t, "length"))
		start := int64(40*24)*int64(time.Hour) + rapid.Int64Range(0, w.Pane).Draw(t, "start")
		for range rapid.IntRange(0, 20).Draw(t, "samples") {
			at := start + rapid.Int64Range(-w.Length, w.Length).Draw(t, "t")
			w.Add(at, start, Tally{N: 1 + float64(rapid.IntRange(0, 1000).Draw(t, "n"))})
		}
		for end := start; ; {
			before, next := w.Roll(end), w.Change()
			if next == Never {
				if before != (Tally{}) {
					t.Fatalf("never changes, yet holds %v", before)
				}
				return
			}
			if got := w.Roll(next - 1); got != before {
				t.Fatalf("changed before %d: %v, was %v", next, got, before)
			}
			held := len(w.held())
			if w.Roll(next); len(w.held()) == held && w.sum == before {
				t.Fatalf("no change at %d", next)
			}
			end = next
		}
	})
}

func TestASumForgetsAGiantThatHasLeft(t *testing.T) {
	w := NewSums(time.Minute)
	second := int64(time.Second)
	start := 1000 * 60 * second
	w.Add(start, start, Tally{1, 1e300, 0})
	for i := int64(1); i < 90; i++ {
		w.Add(start+i*second, start+i*second, Tally{1, .1, 0})
	}
	if got := w.Roll(start + 90*second); math.Abs(got.Sum-6) > .2 || got.N != 60 {
		t.Errorf("after 1e300 has left the minute: %v, want about 6 of 60", got)
	}
	if got := w.Roll(start + 3000*second); got != (Tally{}) {
		t.Errorf("an empty window holds %v", got)
	}
}

func TestBinsKeepTheirPromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := math.Exp(rapid.Float64Range(math.Log(tiny), math.Log(huge)).Draw(t, "ln v"))
		if got := middle(bin(v)); math.Abs(got-v) > v*Accuracy*1.0001 {
			t.Fatalf("%v has bin %d, middle %v", v, bin(v), got)
		}
		if bin(-v) != -bin(v) {
			t.Fatalf("%v and its negative have bins %d and %d", v, bin(v), bin(-v))
		}
	})
	for _, v := range []float64{0, 1e-12, -1e-300} {
		if bin(v) != 0 {
			t.Errorf("%v has bin %d", v, bin(v))
		}
	}
}

func TestAPaneOutgrowsSixteenBits(t *testing.T) {
	w := NewQuantiles(time.Minute)
	start := int64(time.Hour)
	for range 70_000 {
		w.Add(start, start+1, 5, 1)
	}
	w.Add(start, start+1, 7, 1e12) // saturates
	if n := w.Roll(start + 1); n != 70_000+math.MaxUint32 {
		t.Errorf("n %v", n)
	}
	if n := w.Roll(start + 2*int64(time.Minute)); n != 0 {
		t.Errorf("n %v after everything has left", n)
	}
}

func BenchmarkSumsAdd(b *testing.B) {
	for _, length := range []time.Duration{time.Minute, 30 * 24 * time.Hour} {
		b.Run(length.String(), func(b *testing.B) {
			w, now := NewSums(length), int64(time.Hour)*24*365
			b.ReportAllocs()
			for b.Loop() {
				now += int64(20 * time.Millisecond)
				w.Add(now, now, Tally{1, 3, 0})
			}
		})
	}
}

func BenchmarkQuantiles(b *testing.B) {
	w, now := NewQuantiles(2*time.Minute), int64(time.Hour)*24*365
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			now += int64(20 * time.Millisecond)
			w.Add(now, now, 20+float64(i%40), 1)
		}
	})
	b.Run("at", func(b *testing.B) {
		for b.Loop() {
			w.At(.99)
		}
	})
}
