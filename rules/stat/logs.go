package stat

import "math"

// LogAddExp is ln(e^a + e^b) without overflow. -Inf stands for ln 0.
func LogAddExp(a, b float64) float64 {
	high, low := max(a, b), min(a, b)
	if math.IsInf(low, -1) || math.IsInf(high, 1) {
		return high
	}
	return high + math.Log1p(math.Exp(low-high))
}

// LogSumExp is ln Σ e^x without overflow; -Inf for an empty slice.
func LogSumExp(x []float64) float64 {
	high := math.Inf(-1)
	for _, v := range x {
		high = max(high, v)
	}
	if math.IsInf(high, 0) {
		return high
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v - high)
	}
	return high + math.Log(sum)
}
