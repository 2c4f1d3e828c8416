package rules

import "math"

// The nodes of the boolean skeleton.
type (
	both     struct{ left, right condition }
	either   struct{ left, right condition }
	negation struct{ inner condition }
	constant Truth
)

func (c both) eval(f *frame) Truth     { return c.left.eval(f).And(c.right.eval(f)) }
func (c either) eval(f *frame) Truth   { return c.left.eval(f).Or(c.right.eval(f)) }
func (c negation) eval(f *frame) Truth { return c.inner.eval(f).Not() }
func (c constant) eval(*frame) Truth   { return Truth(c) }

func (c both) walk(visit func(leaf)) {
	c.left.walk(visit)
	c.right.walk(visit)
}

func (c either) walk(visit func(leaf)) {
	c.left.walk(visit)
	c.right.walk(visit)
}

func (c negation) walk(visit func(leaf)) { c.inner.walk(visit) }
func (c constant) walk(func(leaf))       {}

// comparison compares two numbers. It is UNKNOWN where one of them has no value
// or is not finite, as after a division by zero.
type comparison struct {
	op          string
	holds       func(a, b float64) bool
	left, right term
	written     string
	read        []int
}

func (c *comparison) eval(f *frame) Truth {
	left, right, ok := c.sides(f)
	switch {
	case !ok:
		return Unknown
	case c.holds(left, right):
		return True
	}
	return False
}

func (c *comparison) walk(visit func(leaf)) { visit(c) }
func (c *comparison) text() string          { return c.written }
func (c *comparison) slots() []int          { return c.read }

func (c *comparison) sides(f *frame) (left, right float64, ok bool) {
	left, state := c.left.value(f)
	if state != "" {
		return 0, 0, false
	}
	right, state = c.right.value(f)
	return left, right, state == ""
}

// test is a slot that is TRUE or FALSE itself.
type test struct {
	slot    *slot
	index   int
	written string
}

func (t *test) eval(f *frame) Truth {
	if f.readings[t.index].State != "" {
		return Unknown
	}
	return f.truths[t.index]
}

func (t *test) walk(visit func(leaf))                       { visit(t) }
func (t *test) text() string                                { return t.written }
func (t *test) slots() []int                                { return []int{t.index} }
func (t *test) sides(*frame) (left, right float64, ok bool) { return 0, 0, false }

// term is a numeric expression over slots. A state means that it has no value.
type term interface {
	value(*frame) (float64, State)
}

type (
	number  float64
	reading struct {
		slot  *slot
		index int
	}
	minus      struct{ inner term }
	arithmetic struct {
		op          string
		calculate   func(a, b float64) float64
		left, right term
	}
)

func (n number) value(*frame) (float64, State) { return float64(n), "" }

func (r reading) value(f *frame) (float64, State) {
	read := &f.readings[r.index]
	return finite(read.Value, read.State)
}

func (m minus) value(f *frame) (float64, State) {
	x, state := m.inner.value(f)
	return -x, state
}

func (a *arithmetic) value(f *frame) (float64, State) {
	left, state := a.left.value(f)
	if state != "" {
		return 0, state
	}
	right, state := a.right.value(f)
	if state != "" {
		return 0, state
	}
	return finite(a.calculate(left, right), "")
}

// finite is the one place that says what a result is that is no number: data too
// thin to say anything.
func finite(x float64, state State) (float64, State) {
	if state == "" && (math.IsNaN(x) || math.IsInf(x, 0)) {
		return 0, Insufficient
	}
	return x, state
}
