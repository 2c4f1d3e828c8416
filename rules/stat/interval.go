package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Wilson is the score interval of the share bad/n at the two-sided confidence
// conf (Wilson 1927). Without any n it is the whole range.
func Wilson(bad, n, conf float64) (low, high float64) {
	if !(n > 0) {
		return 0, 1
	}
	z := distuv.UnitNormal.Quantile(1 - (1-conf)/2)
	p, z2 := bad/n, z*z
	centre := p + z2/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	return clip((centre - half) / (1 + z2/n)), clip((centre + half) / (1 + z2/n))
}

// ClopperPearson is the exact interval of the share bad/n at the two-sided
// confidence conf (Clopper and Pearson 1934). Without any n it is the whole range.
func ClopperPearson(bad, n, conf float64) (low, high float64) {
	tail := (1 - conf) / 2
	return ShareLower(bad, n, 1-tail), ShareUpper(bad, n, 1-tail)
}

// ShareUpper is the one-sided exact upper bound of the share bad/n at the given
// level: the level's quantile of Beta(bad+1, n-bad).
func ShareUpper(bad, n, level float64) float64 {
	if !(n > 0) || bad >= n {
		return 1
	}
	return clip(mathext.InvRegIncBeta(bad+1, n-bad, level))
}

// ShareLower is the one-sided exact lower bound: the (1-level) quantile of
// Beta(bad, n-bad+1).
func ShareLower(bad, n, level float64) float64 {
	if !(n > 0) || bad <= 0 {
		return 0
	}
	return clip(mathext.InvRegIncBeta(bad, n-bad+1, 1-level))
}

// Newcombe is the interval of the difference bad1/n1 - bad2/n2 at the two-sided
// confidence conf: the square-and-add of two Wilson intervals (Newcombe 1998,
// method 10).
func Newcombe(bad1, n1, bad2, n2, conf float64) (low, high float64) {
	if !(n1 > 0) || !(n2 > 0) {
		return -1, 1
	}
	p1, p2 := bad1/n1, bad2/n2
	l1, u1 := Wilson(bad1, n1, conf)
	l2, u2 := Wilson(bad2, n2, conf)
	return p1 - p2 - math.Hypot(p1-l1, u2-p2), p1 - p2 + math.Hypot(u1-p1, p2-l2)
}

func clip(p float64) float64 { return min(max(p, 0), 1) }
