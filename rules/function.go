package rules

import (
	"fmt"
	"slices"
	"strings"
)

// shape says what stands between a call's signal and its window.
type shape uint8

const (
	maybePredicate shape = iota
	onePredicate
	oneNumber
)

// signature is a function of the rule language: how it is called, and what its
// slot computes.
type signature struct {
	name    string
	fn      function
	what    shape
	window  bool
	options []string
	minimum float64 // samples below which it is INSUFFICIENT (detection.md §4)
	boolean bool
	q       float64
}

var signatures = []signature{
	{name: "count", fn: fnCount, what: maybePredicate, window: true, options: []string{"where", "weight"}, minimum: 1},
	{name: "rate", fn: fnRate, what: maybePredicate, window: true, options: []string{"where", "weight"}, minimum: 1},
	{name: "sum", fn: fnSum, what: oneNumber, window: true, options: []string{"where"}, minimum: 1},
	{name: "avg", fn: fnAvg, what: oneNumber, window: true, options: []string{"where"}, minimum: 30},
	{name: "min", fn: fnMin, what: oneNumber, window: true, options: []string{"where"}, minimum: 1},
	{name: "max", fn: fnMax, what: oneNumber, window: true, options: []string{"where"}, minimum: 1},
	{name: "p50", fn: fnQuantile, what: oneNumber, window: true, options: []string{"where"}, minimum: 20, q: 0.50},
	{name: "p90", fn: fnQuantile, what: oneNumber, window: true, options: []string{"where"}, minimum: 100, q: 0.90},
	{name: "p95", fn: fnQuantile, what: oneNumber, window: true, options: []string{"where"}, minimum: 200, q: 0.95},
	{name: "p99", fn: fnQuantile, what: oneNumber, window: true, options: []string{"where"}, minimum: 1000, q: 0.99},
	{name: "share", fn: fnShare, what: onePredicate, window: true, options: []string{"where", "weight", "bad"}, minimum: 100},
	{name: "firing", fn: fnFiring, what: maybePredicate, options: []string{"where", "timeout"}, boolean: true},
	{name: "seq_share", fn: fnSeqShare, what: onePredicate, options: []string{"where", "weight", "bad", "margin", "mode", "alpha", "tick", "lower", "randomised"}, minimum: 20, boolean: true},
}

// functionNames are all names that a call may have.
func functionNames() []string {
	names := []string{"previous"}
	for _, s := range signatures {
		names = append(names, s.name)
	}
	return names
}

func findSignature(name string) (signature, bool) {
	i := slices.IndexFunc(signatures, func(s signature) bool { return s.name == name })
	if i < 0 {
		return signature{}, false
	}
	return signatures[i], true
}

// usage shows how the function is called.
func (s signature) usage() string {
	parts := []string{"signal"}
	switch s.what {
	case maybePredicate:
		parts = append(parts, "[predicate]")
	case onePredicate:
		parts = append(parts, "predicate")
	case oneNumber:
		parts = append(parts, "number")
	}
	if s.window {
		parts = append(parts, `"1m"`)
	}
	return fmt.Sprintf("%s(%s, {%s})", s.name, strings.Join(parts, ", "), strings.Join(s.options, ", "))
}
