package rules

import (
	"fmt"
	"strings"
)

// relation is what a comparison found, in words.
var relation = map[string][2]string{
	">":  {"above", "not above"},
	">=": {"at least", "below"},
	"<":  {"below", "not below"},
	"<=": {"at most", "above"},
	"==": {"equal to", "not equal to"},
	"!=": {"not equal to", "equal to"},
}

func (c *comparison) explain(f *frame) string {
	value, limit, ok := c.sides(f)
	if !ok {
		return c.missing(f)
	}
	subject, against, op := c.left, c.right, c.op
	if isConstant(subject) {
		subject, against, op = against, subject, mirrored[op]
		value, limit = limit, value
	}
	words := relation[op][1]
	if ordered[float64](op)(value, limit) {
		words = relation[op][0]
	}
	clause := fmt.Sprintf("%s, %s %s", describe(subject, f), words, unitOf(subject).text(limit))
	if read := slotsIn(against, nil); len(read) > 0 {
		clause += " (" + describeAll(read, f) + ")"
	}
	return clause
}

func describeAll(read []reading, f *frame) string {
	parts := make([]string, len(read))
	for i, r := range read {
		parts[i] = r.describe(f)
	}
	return strings.Join(parts, "; ")
}

// missing says which slot has no value and why.
func (c *comparison) missing(f *frame) string {
	for _, r := range append(slotsIn(c.left, nil), slotsIn(c.right, nil)...) {
		if f.readings[r.index].State != "" {
			return noValue(r.slot, &f.readings[r.index])
		}
	}
	return c.written + " is not a finite number"
}

func noValue(s *slot, r *Reading) string {
	state := map[State]string{Insufficient: "has too little data", Stale: "is stale"}[r.State]
	if r.Reason != "" {
		return fmt.Sprintf("%s %s: %s", s.noun, state, r.Reason)
	}
	return fmt.Sprintf("%s %s (n %s)", s.noun, state, countText(r.N))
}

// describe says what a term is and its value.
func describe(t term, f *frame) string {
	if r, ok := t.(reading); ok {
		return r.describe(f)
	}
	x, _ := t.value(f) // it has one: the comparison does
	return fmt.Sprintf("%s (%s)", unitOf(t).text(x), describeAll(slotsIn(t, nil), f))
}

func (r reading) describe(f *frame) string {
	read := &f.readings[r.index]
	if read.State != "" {
		return noValue(r.slot, read)
	}
	return fmt.Sprintf("%s is %s over %s (n %s)", r.slot.noun, unitOf(r).text(read.Value), durationText(r.slot.window), countText(read.N))
}

// unit is how a number is written.
type unit uint8

const (
	plain unit = iota
	shareUnit
	rateUnit
)

func (u unit) text(x float64) string {
	switch u {
	case shareUnit:
		return percentText(x)
	case rateUnit:
		return figureText(x) + "/s"
	case plain:
	}
	return figureText(x)
}

// unitOf is the unit of a term: a multiple of a share, or the difference of two,
// is a share; the quotient of two is a plain number.
func unitOf(t term) unit {
	switch t := t.(type) {
	case reading:
		if t.slot.fn == fnShare {
			return shareUnit
		}
		if t.slot.fn == fnRate {
			return rateUnit
		}
	case minus:
		return unitOf(t.inner)
	case *arithmetic:
		left, right := unitOf(t.left), unitOf(t.right)
		switch {
		case isConstant(t.right) && t.op != "+" && t.op != "-":
			return left
		case isConstant(t.left) && t.op == "*":
			return right
		case left == right && (t.op == "+" || t.op == "-"):
			return left
		}
	}
	return plain
}

func isConstant(t term) bool { return len(slotsIn(t, nil)) == 0 }

// slotsIn appends the readings of a term in source order.
func slotsIn(t term, found []reading) []reading {
	switch t := t.(type) {
	case reading:
		return append(found, t)
	case minus:
		return slotsIn(t.inner, found)
	case *arithmetic:
		return slotsIn(t.right, slotsIn(t.left, found))
	}
	return found
}

func (t *test) explain(f *frame) string {
	r := &f.readings[t.index]
	if r.State != "" {
		return noValue(t.slot, r)
	}
	if r.Reason != "" {
		return r.Reason
	}
	if t.slot.fn == fnFiring {
		return t.explainAlerts(r, f.truths[t.index])
	}
	words := "not worse than"
	if f.truths[t.index] == True {
		words = "worse than"
	}
	margin := ""
	if t.slot.seq.margin != 1 {
		margin = figureText(t.slot.seq.margin) + " times "
		if t.slot.seq.lower {
			margin = "1/" + margin
		}
	}
	return fmt.Sprintf("%s is %s (n %s), %s %sthe %s before (n %s): log e %s of %s", t.slot.noun,
		percentText(r.Value), countText(r.N), words, margin, percentText(r.Previous), countText(r.NPrev),
		figureText(r.LogE), figureText(r.Need))
}

func (t *test) explainAlerts(r *Reading, truth Truth) string {
	switch {
	case truth != True:
		return "no alert fires in " + t.slot.noun
	case r.N == 1:
		return "an alert fires in " + t.slot.noun
	}
	return fmt.Sprintf("%s alerts fire in %s", countText(r.N), t.slot.noun)
}
