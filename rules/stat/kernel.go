package stat

import "math"

// Ratios is how many alternatives a mixture averages.
const Ratios = 12

// ceiling bounds a logarithm of evidence: e^700 is the last that a float holds
// with room to spare.
const ceiling = 700

// Counts are the bad events of one arm among N.
type Counts struct{ Bad, N float64 }

// Share is Bad/N, 0 when there are none.
func (c Counts) Share() float64 {
	if c.N == 0 {
		return 0
	}
	return c.Bad / c.N
}

// Plus is the sum of both.
func (c Counts) Plus(d Counts) Counts { return Counts{c.Bad + d.Bad, c.N + d.N} }

// usable tells that the counts are numbers with 0 <= Bad <= N.
func (c Counts) usable() bool { return c.Bad >= 0 && c.Bad <= c.N && !math.IsInf(c.N, 1) }

// Hypothesis is the null of a comparison: the candidate's share is at most
// Margin times the baseline's; with Lower, at least 1/Margin of it.
type Hypothesis struct {
	Margin float64 // at least 1
	Lower  bool    // less is worse
}

// boundary is the ratio at the edge of the null.
func (h Hypothesis) boundary() float64 {
	if h.Lower {
		return 1 / h.Margin
	}
	return h.Margin
}

// Grid is the alternatives, r_k = M·exp(linspace(ln 1.15, ln 64, 12)), or with a
// negative exponent where less is worse (detection.md §2).
func (h Hypothesis) Grid() [Ratios]float64 {
	var grid [Ratios]float64
	first, last := math.Log(1.15), math.Log(64)
	for k := range grid {
		step := first + (last-first)*float64(k)/(Ratios-1)
		if h.Lower {
			step = -step
		}
		grid[k] = h.boundary() * math.Exp(step)
	}
	return grid
}

// Increment is the logarithm of one tick's likelihood ratio of the alternative
// ratio r against the null's boundary m, tempered by phi >= 1:
//
//	[x_c ln(π(r)/π(m)) + x_b ln((1-π(r))/(1-π(m)))] / phi,  π(r) = n_c r/(n_c r + n_b)
//
// It is an e-value's logarithm at any share (detection.md §2). A tick in which
// either arm had no exposure says nothing: 0.
func Increment(r, m, phi float64, candidate, baseline Counts) float64 {
	if !(candidate.N > 0) || !(baseline.N > 0) || !candidate.usable() || !baseline.usable() {
		return 0
	}
	shift := math.Log1p(candidate.N * (r - m) / (candidate.N*m + baseline.N))
	return (candidate.Bad*math.Log(r/m) - (candidate.Bad+baseline.Bad)*shift) / max(phi, 1)
}

// Mixture is the average of the products of likelihood ratios of the twelve
// alternatives: plain (the bake form: P(ever >= 1/alpha) <= alpha from its start)
// or restarting (the watch form, Shiryaev-Roberts: mean time to a false alarm at
// least the threshold, in ticks). Its zero value is a plain one without evidence.
type Mixture struct {
	logs  [Ratios]float64
	watch bool
}

// NewMixture is a mixture without evidence.
func NewMixture(watch bool) Mixture {
	m := Mixture{watch: watch}
	if watch {
		for k := range m.logs {
			m.logs[k] = math.Inf(-1)
		}
	}
	return m
}

func (m *Mixture) add(k int, increment float64) {
	if m.watch {
		increment += LogAddExp(m.logs[k], 0)
	} else {
		increment += m.logs[k]
	}
	m.logs[k] = min(increment, ceiling)
}

// LogE is the mixture's log e.
func (m *Mixture) LogE() float64 { return LogSumExp(m.logs[:]) - math.Log(Ratios) }

// Cap lowers the evidence to at most log e: what is above an alarm's threshold
// only delays the all-clear. Less evidence is always allowed.
func (m *Mixture) Cap(logE float64) {
	excess := m.LogE() - logE
	if !(excess > 0) {
		return
	}
	for k := range m.logs {
		m.logs[k] -= excess
	}
}

// Live compares two arms that run side by side. Each tick stands alone, so what
// moves both arms cancels.
type Live struct {
	Mixture
	grid [Ratios]float64
	edge float64
}

// NewLive is a comparison without evidence.
func NewLive(h Hypothesis, watch bool) *Live {
	return &Live{Mixture: NewMixture(watch), grid: h.Grid(), edge: h.boundary()}
}

// Tick takes in the counts since the last one, in which both arms should have had
// exposure: pool ticks until they have.
func (l *Live) Tick(candidate, baseline Counts, phi float64) {
	for k, r := range l.grid {
		l.add(k, Increment(r, l.edge, phi, candidate, baseline))
	}
}

// LogE is the log e of one look at two counts.
func LogE(h Hypothesis, candidate, baseline Counts) float64 {
	l := NewLive(h, false)
	l.Tick(candidate, baseline, 1)
	return l.LogE()
}

// History compares with the counts of a version that no longer runs, in the
// Bernoulli form of detection.md §4.1:
//
//	inc = x ln(q/p_M) + (n-x) ln((1-q)/(1-p_M)),  p_M = M·U,  q = r·U ≤ (1+p_M)/2
//
// where U is the exact upper 1-alpha/2 bound of the baseline's share (the lower
// one where less is worse). It fires at ln(2/alpha): half of alpha is spent on U.
// What moves the world between then and now does not cancel.
type History struct {
	Mixture
	good, bad [Ratios]float64 // log likelihood ratio of one event
	limit     float64
}

// NewHistory is a comparison without evidence.
func NewHistory(h Hypothesis, baseline Counts, alpha float64, watch bool) *History {
	bound := ShareUpper(baseline.Bad, baseline.N, 1-alpha/2)
	if h.Lower {
		bound = ShareLower(baseline.Bad, baseline.N, 1-alpha/2)
	}
	out := &History{Mixture: NewMixture(watch), limit: h.boundary() * bound}
	if !(out.limit > 0 && out.limit < 1) {
		return out // nothing can be worse: every ratio stays 1
	}
	for k, r := range h.Grid() {
		q := min(r*bound, (1+out.limit)/2)
		out.bad[k] = math.Log(q / out.limit)
		out.good[k] = math.Log1p(-q) - math.Log1p(-out.limit)
	}
	return out
}

// Limit is the share that the candidate is compared with, p_M.
func (h *History) Limit() float64 { return h.limit }

// Tick takes in the candidate's counts since the last one.
func (h *History) Tick(candidate Counts) {
	if !candidate.usable() {
		return
	}
	for k := range h.bad {
		h.add(k, candidate.Bad*h.bad[k]+(candidate.N-candidate.Bad)*h.good[k])
	}
}

// NeedBake, NeedHistory and NeedWatch are the thresholds of log e: ln(1/alpha)
// and ln(2/alpha) from the start of a comparison, and ln of the mean number of
// ticks between false alarms.
func NeedBake(alpha float64) float64 { return -math.Log(alpha) }

// NeedHistory is ln(2/alpha).
func NeedHistory(alpha float64) float64 { return math.Log(2 / alpha) }

// NeedWatch is ln of ticks, the mean number between false alarms.
func NeedWatch(ticks float64) float64 { return math.Log(ticks) }

// SlowDrift is the effective margin of two live arms that drift apart slowly by
// themselves, with a standard deviation of s in the log ratio: margin·exp(2s)
// (detection.md §2). DefaultDrift is s where it has not been learned.
func SlowDrift(margin, s float64) float64 { return margin * math.Exp(2*s) }

// DefaultDrift is the s of SlowDrift before it has been learned.
const DefaultDrift = 0.05
