package stat

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// The numbers of these tables are those of reference/detection.md §3.

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s = %.10g, want %.10g", what, got, want)
	}
}

func TestIntervals(t *testing.T) {
	for _, c := range []struct {
		name      string
		f         func(bad, n, conf float64) (float64, float64)
		bad, n    float64
		low, high float64
	}{
		{"wilson 0/20", Wilson, 0, 20, 0, .161125},
		{"wilson 1/50", Wilson, 1, 50, .003539, .104954},
		{"wilson 5/100", Wilson, 5, 100, .021544, .111750},
		{"wilson 40/100", Wilson, 40, 100, .309401, .497997},
		{"wilson 3/3000", Wilson, 3, 3000, .000340, .002936},
		{"clopper-pearson 0/20", ClopperPearson, 0, 20, 0, .168433},
		{"clopper-pearson 5/100", ClopperPearson, 5, 100, .016432, .112835},
		{"clopper-pearson of nothing is everything", ClopperPearson, 0, 0, 0, 1},
		{"wilson of nothing is everything", Wilson, 0, 0, 0, 1},
	} {
		low, high := c.f(c.bad, c.n, .95)
		near(t, c.name+" low", low, c.low, 5e-7)
		near(t, c.name+" high", high, c.high, 5e-7)
	}
	low, high := Newcombe(56, 70, 48, 80, .95)
	near(t, "newcombe low", low, .0524, 5e-5)
	near(t, "newcombe high", high, .3339, 5e-5)
}

func TestKernelReferenceValues(t *testing.T) {
	grid := []float64{1.5, 2, 4, 8}
	logE := func(logs []float64) float64 { return LogSumExp(logs) - math.Log(float64(len(logs))) }
	tick := func(logs []float64, m, xc, nc, xb, nb float64) float64 {
		for k, r := range grid {
			logs[k] += Increment(r*m, m, 1, Counts{xc, nc}, Counts{xb, nb})
		}
		return logE(logs)
	}
	logs := make([]float64, 4)
	near(t, "first tick", tick(logs, 1, 4, 100, 1, 100), .766285149, 5e-10)
	near(t, "second tick", tick(logs, 1, 6, 120, 2, 110), 1.387936623, 5e-10)
	near(t, "a broken arm", tick(make([]float64, 4), 1, 40, 100, 1, 100), 20.150481763, 5e-10)
	near(t, "nothing bad", tick(make([]float64, 4), 1, 0, 100, 0, 100), 0, 0)
	near(t, "a better arm", tick(make([]float64, 4), 1, 2, 50, 18, 450), -.962112775, 5e-10)
	near(t, "margin 1.25", tick(make([]float64, 4), 1.25, 6, 100, 2, 100), .384370307, 5e-10)
}

// TestIncrementIsWhatTheFormulaSays holds the rearranged increment to the formula
// as printed.
func TestIncrementIsWhatTheFormulaSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nc, nb := rapid.Float64Range(1, 1e6).Draw(t, "nc"), rapid.Float64Range(1, 1e6).Draw(t, "nb")
		xc, xb := rapid.Float64Range(0, nc).Draw(t, "xc"), rapid.Float64Range(0, nb).Draw(t, "xb")
		m, r := rapid.Float64Range(.5, 3).Draw(t, "m"), rapid.Float64Range(.1, 100).Draw(t, "r")
		phi := rapid.Float64Range(1, 20).Draw(t, "phi")
		pi := func(r float64) float64 { return nc * r / (nc*r + nb) }
		want := (xc*math.Log(pi(r)/pi(m)) + xb*math.Log((1-pi(r))/(1-pi(m)))) / phi
		got := Increment(r, m, phi, Counts{xc, nc}, Counts{xb, nb})
		if math.Abs(got-want) > 1e-7*(1+math.Abs(want)+xc+xb) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestGrid(t *testing.T) {
	up := Hypothesis{Margin: 1.5}.Grid()
	near(t, "first", up[0], 1.5*1.15, 1e-12)
	near(t, "last", up[Ratios-1], 1.5*64, 1e-9)
	down := Hypothesis{Margin: 1.25, Lower: true}.Grid()
	near(t, "first where less is worse", down[0], .8/1.15, 1e-12)
	near(t, "last where less is worse", down[Ratios-1], .8/64, 1e-12)
}

func TestOddCountsChangeNothing(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	odd := []Counts{{0, 0}, {nan, 1}, {1, nan}, {-1, 5}, {7, 5}, {0, inf}, {inf, inf}, {-inf, 3}}
	live, history := NewLive(Hypothesis{Margin: 1}, false), NewHistory(Hypothesis{Margin: 1}, Counts{1, 100}, .001, false)
	for _, c := range odd {
		live.Tick(c, Counts{1, 100}, 1)
		live.Tick(Counts{1, 100}, c, 1)
		history.Tick(c)
	}
	near(t, "live", live.LogE(), 0, 1e-12)
	near(t, "history", history.LogE(), 0, 1e-12)
	live.Tick(Counts{9e11, 1e12}, Counts{1, 1e12}, 1)
	near(t, "1e12 counts", live.LogE(), ceiling-math.Log(Ratios), ceiling)
}

func TestHistoryFormByHand(t *testing.T) {
	h := NewHistory(Hypothesis{Margin: 1.5}, Counts{10, 2000}, .001, false)
	u := ShareUpper(10, 2000, .9995)
	near(t, "U", u, distuv.Beta{Alpha: 11, Beta: 1990}.Quantile(.9995), 1e-12)
	near(t, "limit", h.Limit(), 1.5*u, 1e-15)
	h.Tick(Counts{3, 10})
	h.Tick(Counts{5, 12})
	var logs []float64
	for _, r := range (Hypothesis{Margin: 1.5}).Grid() {
		pm := 1.5 * u
		q := math.Min(r*u, (1+pm)/2)
		logs = append(logs, 8*math.Log(q/pm)+14*math.Log((1-q)/(1-pm)))
	}
	near(t, "log e", h.LogE(), LogSumExp(logs)-math.Log(12), 1e-9)
	if h.LogE() < NeedHistory(.001) {
		t.Errorf("8 bad of 22 against .5 %% has log e %.2f, below %.2f", h.LogE(), NeedHistory(.001))
	}
}

func TestHistoryThatBoundsNothingNeverSpeaks(t *testing.T) {
	for _, base := range []Counts{{0, 0}, {5, 5}, {80, 100}} {
		h := NewHistory(Hypothesis{Margin: 1.5}, base, .001, false)
		h.Tick(Counts{1000, 1000})
		near(t, "log e", h.LogE(), 0, 1e-12)
	}
}

func TestLowerIsWorse(t *testing.T) {
	h := Hypothesis{Margin: 1.25, Lower: true}
	if got := LogE(h, Counts{20, 200}, Counts{100, 200}); got < NeedBake(.001) {
		t.Errorf("a fall from 50 to 10 %% has log e %.2f", got)
	}
	if got := LogE(h, Counts{120, 200}, Counts{100, 200}); got > 0 {
		t.Errorf("a rise has log e %.2f", got)
	}
	history := NewHistory(h, Counts{1000, 2000}, .001, false)
	history.Tick(Counts{20, 200})
	if history.LogE() < NeedHistory(.001) {
		t.Errorf("the same fall against history has log e %.2f", history.LogE())
	}
}

// TestWatchIsShiryaevRoberts checks the recursion in plain numbers.
func TestWatchIsShiryaevRoberts(t *testing.T) {
	live := NewLive(Hypothesis{Margin: 1}, true)
	var s [Ratios]float64
	ticks := []struct{ c, b Counts }{{Counts{1, 10}, Counts{0, 12}}, {Counts{0, 9}, Counts{1, 10}}, {Counts{4, 10}, Counts{0, 11}}}
	for _, tick := range ticks {
		live.Tick(tick.c, tick.b, 1)
		for k, r := range live.grid {
			s[k] = math.Exp(Increment(r, 1, 1, tick.c, tick.b)) * (s[k] + 1)
		}
	}
	sum := 0.0
	for _, v := range s {
		sum += v / Ratios
	}
	near(t, "log S", live.LogE(), math.Log(sum), 1e-12)
	live.Cap(-1)
	near(t, "capped", live.LogE(), -1, 1e-12)
}

func TestLogAddExp(t *testing.T) {
	near(t, "2", LogAddExp(0, 0), math.Ln2, 1e-15)
	near(t, "far apart", LogAddExp(800, -800), 800, 0)
	if got := LogAddExp(math.Inf(-1), math.Inf(-1)); !math.IsInf(got, -1) {
		t.Errorf("ln(0+0) = %v", got)
	}
	near(t, "with zero", LogAddExp(math.Inf(-1), 3), 3, 0)
	if got := LogSumExp(nil); !math.IsInf(got, -1) {
		t.Errorf("the sum of nothing = %v", got)
	}
}

// TestBakeHoldsItsPromise looks at healthy arms on every tick: alarms must stay
// near alpha, counted against the binomial's far tail.
func TestBakeHoldsItsPromise(t *testing.T) {
	const runs, ticks, alpha = 400, 500, .01
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(n int, p float64) Counts {
		c := Counts{N: float64(n)}
		for range n {
			if random.Float64() < p {
				c.Bad++
			}
		}
		return c
	}
	fired := 0
	for range runs {
		live := NewLive(Hypothesis{Margin: 1}, false)
		for range ticks {
			live.Tick(draw(10, .3), draw(4, .3), 1)
			if live.LogE() >= NeedBake(alpha) {
				fired++
				break
			}
		}
	}
	if fired > 12 { // P(Bin(400, .01) > 12) < .0003
		t.Errorf("%d of %d healthy runs fired at alpha %v", fired, runs, alpha)
	}
}

func BenchmarkLiveTick(b *testing.B) {
	live := NewLive(Hypothesis{Margin: 1.25}, true)
	for b.Loop() {
		live.Tick(Counts{1, 40}, Counts{2, 80}, 1)
		live.LogE()
	}
}
