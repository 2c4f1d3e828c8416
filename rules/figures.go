package rules

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// countText writes a count of samples: 1,204.
func countText(x float64) string { return figureText(math.Round(x)) }

// figureText writes a number for people: four digits that matter, thousands set
// apart.
func figureText(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "unknown"
	}
	if math.Abs(x) >= 1e15 || x != 0 && math.Abs(x) < 1e-4 {
		return strconv.FormatFloat(x, 'g', 4, 64)
	}
	digits := 0
	if whole := math.Abs(x); whole < 1000 {
		digits = 3 - int(math.Floor(math.Log10(max(whole, 1e-4))))
	}
	text := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return grouped(text)
}

// grouped sets thousands apart with commas.
func grouped(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	whole, rest := text, ""
	if i := strings.IndexByte(text, '.'); i >= 0 {
		whole, rest = text[:i], text[i:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + rest
}

// percentText writes a share: 0.4 is 40 %.
func percentText(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "unknown"
	}
	return grouped(strconv.FormatFloat(roundTo(x*100, 3), 'f', -1, 64)) + " %"
}

// roundTo keeps that many digits that matter.
func roundTo(x float64, digits int) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		return x
	}
	return rounded
}

// secondsText writes a number of seconds as a duration: 90 is 1m30s.
func secondsText(x float64) string {
	if math.IsNaN(x) || math.Abs(x) > 1e9 {
		return "unknown"
	}
	return time.Duration(math.Round(x*1000) * float64(time.Millisecond)).String()
}
