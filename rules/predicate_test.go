package rules

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"pgregory.net/rapid"

	"github.com/ripcord-dev/ripcord/triggers"
)

const eventSignals = `signals:
  s: {type: t, fields: {n: number, m: number, a: string, b: string, f: boolean, g: boolean, sub.x: number}}
`

// loadOne compiles one rule and fails the test on any error.
func loadOne(t testing.TB, signals, condition string) *program {
	t.Helper()
	text := signals + "groups:\n- name: g\n  target: t\n  rules:\n  - rule: r\n    trigger: bias\n    if: " + strconv.Quote(condition) + "\n"
	set, problems := Load([]Source{{MaxMode: Auto, Files: []File{{Path: "t.rules.yml", Data: []byte(text)}}}}, Options{Targets: []string{"t"}})
	if err := problems.Err(); err != nil {
		t.Fatalf("%s\n%v", condition, err)
	}
	return set.program("t")
}

// rowOf lays fields out as the columns of the program's first signal.
func rowOf(p *program, fields map[string]any) *row {
	r := &row{}
	for _, f := range p.signals[0].fields {
		v := triggers.Value{}
		switch x := fields[f.name].(type) {
		case float64:
			v = triggers.Value{Kind: triggers.Number, Num: x}
		case string:
			v = triggers.Value{Kind: triggers.String, Str: x}
		case bool:
			v = triggers.Value{Kind: triggers.Bool}
			if x {
				v.Num = 1
			}
		}
		if v.Kind == f.kind {
			r.columns = append(r.columns, v)
		} else {
			r.columns = append(r.columns, triggers.Value{})
		}
	}
	return r
}

var (
	numbers = []string{"0", "1", "-1", "0.5", "2", "100", "1e3", "-0.25"}
	texts   = []string{"", "a", "ab", "b", "block", "é", "A"}
)

// Every generator draws a predicate that reads only what the environment has.
func genNumber(t *rapid.T, depth int) string {
	if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") > 0 {
		return rapid.SampledFrom(append([]string{"n", "m", "sub.x"}, numbers...)).Draw(t, "number")
	}
	switch op := rapid.SampledFrom([]string{"+", "-", "*", "/", "neg", "()"}).Draw(t, "op"); op {
	case "neg":
		return "-(" + genNumber(t, depth-1) + ")"
	case "()":
		return "(" + genNumber(t, depth-1) + ")"
	default:
		return genNumber(t, depth-1) + " " + op + " " + genNumber(t, depth-1)
	}
}

func genLeaf(t *rapid.T) string {
	text := func() string { return strconv.Quote(rapid.SampledFrom(texts).Draw(t, "text")) }
	name := func() string { return rapid.SampledFrom([]string{"a", "b"}).Draw(t, "field") }
	order := func() string {
		return rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(t, "cmp")
	}
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0:
		return genNumber(t, 2) + " " + order() + " n * " + rapid.SampledFrom([]string{"1", "0.5", "3"}).Draw(t, "k")
	case 1:
		return "n " + order() + " " + rapid.SampledFrom(numbers).Draw(t, "limit")
	case 2:
		return rapid.SampledFrom(numbers).Draw(t, "limit") + " " + order() + " m"
	case 3:
		return name() + " " + order() + " " + text()
	case 4:
		return text() + " " + order() + " " + name()
	case 5:
		not := rapid.SampledFrom([]string{"", "not "}).Draw(t, "not")
		return name() + " " + not + "in [" + text() + ", " + text() + "] and " + genNumber(t, 1) + " + n " + not + "in [1, 0.5, -1]"
	case 6:
		op := rapid.SampledFrom([]string{"startsWith", "endsWith", "contains", "not contains", "matches"}).Draw(t, "test")
		return name() + " " + op + " " + text()
	case 7:
		return rapid.SampledFrom([]string{"f", "g", "f == true", "g != false", "f == g", "true", "false != f", "a < b", "a == b"}).Draw(t, "flag")
	}
	return "0 < n < " + rapid.SampledFrom(numbers).Draw(t, "limit")
}

func genPredicate(t *rapid.T, depth int) string {
	if depth == 0 {
		return genLeaf(t)
	}
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		return "(" + genPredicate(t, depth-1) + ") " + rapid.SampledFrom([]string{"and", "&&"}).Draw(t, "and") + " (" + genPredicate(t, depth-1) + ")"
	case 1:
		return genPredicate(t, depth-1) + " " + rapid.SampledFrom([]string{"or", "||"}).Draw(t, "or") + " " + genPredicate(t, depth-1)
	case 2:
		return rapid.SampledFrom([]string{"not", "!"}).Draw(t, "not") + " (" + genPredicate(t, depth-1) + ")"
	}
	return genLeaf(t)
}

func genFields(t *rapid.T) map[string]any {
	num := rapid.SampledFrom([]float64{0, 1, -1, 0.5, 2, 100, 1e3, -0.25, 7})
	text := rapid.SampledFrom(texts)
	return map[string]any{
		"n": num.Draw(t, "n"), "m": num.Draw(t, "m"), "sub.x": num.Draw(t, "x"),
		"a": text.Draw(t, "a"), "b": text.Draw(t, "b"),
		"f": rapid.Bool().Draw(t, "f"), "g": rapid.Bool().Draw(t, "g"),
	}
}

// environment is the same fields as expr sees them.
func environment(fields map[string]any) map[string]any {
	env := map[string]any{"sub": map[string]float64{"x": 0}}
	for name, v := range fields {
		env[name] = v
	}
	if x, ok := fields["sub.x"].(float64); ok {
		env["sub"] = map[string]float64{"x": x}
	}
	return env
}

// The closures say what expr's own machine says, wherever all fields are there.
func TestPredicatesAgreeWithExpr(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := genPredicate(t, 3)
		fields := genFields(t)
		env := environment(fields)
		machine, err := expr.Compile(source, expr.Env(env), expr.AsBool())
		if err != nil {
			t.Fatalf("expr refuses %s: %v", source, err)
		}
		want, err := expr.Run(machine, env)
		if err != nil {
			t.Fatalf("expr can not run %s: %v", source, err)
		}
		p := loadPredicate(t, source)
		if p == nil {
			t.Skip("compares constants, which is refused")
		}
		if got := p.slots[0].pred(rowOf(p, fields)); got != want {
			t.Fatalf("%s on %v is %v, expr says %v", source, fields, got, want)
		}
	})
}

// loadPredicate is nil where the rule language refuses constants that expr
// takes.
func loadPredicate(t *rapid.T, source string) *program {
	text := eventSignals + "groups:\n- name: g\n  target: t\n  rules:\n  - rule: r\n    trigger: bias\n    if: " +
		strconv.Quote("count(s, "+source+`, "1m") > 1`) + "\n"
	set, problems := Load([]Source{{MaxMode: Auto, Files: []File{{Path: "t.rules.yml", Data: []byte(text)}}}}, Options{Targets: []string{"t"}})
	for _, problem := range problems {
		if !strings.Contains(problem.Message, "compares constants") && !strings.Contains(problem.Message, "finite") && !strings.Contains(problem.Message, "two constants") {
			t.Fatalf("%s\n%s", source, problem.Render())
		}
	}
	if problems.Err() != nil {
		return nil
	}
	return set.program("t")
}

// Kleene's logic, written separately: a leaf that reads a missing field is
// UNKNOWN, and UNKNOWN at the top is false.
func TestPredicatesOnMissingFields(t *testing.T) {
	tests := []struct {
		name, predicate string
		fields          map[string]any
		want            bool
	}{
		{"a comparison with a missing field is false", `n == 1`, nil, false},
		{"its negation is false as well", `not (n == 1)`, nil, false},
		{"an inequality with a missing field is false", `a != "x"`, nil, false},
		{"a field of another kind is missing", `n == 1`, map[string]any{"n": "1"}, false},
		{"or needs one side only", `n == 1 or a == "x"`, map[string]any{"a": "x"}, true},
		{"and needs both", `n == 1 and a == "x"`, map[string]any{"a": "x"}, false},
		{"a false side decides and, also under not", `not (n == 1 and a == "x")`, map[string]any{"a": "y"}, true},
		{"a true side does not", `not (n == 1 and a == "x")`, map[string]any{"a": "x"}, false},
		{"a missing boolean is neither", `f`, nil, false},
		{"nor is it its negation", `not f`, nil, false},
		{"a list does not hold what is missing", `a in ["x"]`, nil, false},
		{"nor does its negation", `a not in ["x"]`, nil, false},
		{"tests of a missing text are false", `a startsWith "x"`, nil, false},
		{"and not true when negated", `a not contains "x"`, nil, false},
		{"arithmetic on a missing number has no value", `n + m > 1`, map[string]any{"n": 5.0}, false},
		{"nor has its negation", `not (n + m > 1)`, map[string]any{"n": 5.0}, false},
		{"a double negation is none", `not not (n == 1)`, map[string]any{"n": 1.0}, true},
		{"two missing texts are not equal", `a == b`, nil, false},
		{"nested fields are named with a dot", `sub.x > 2`, map[string]any{"sub.x": 3.0}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := loadOne(t, eventSignals, fmt.Sprintf(`count(s, %s, "1m") > 1`, tt.predicate))
			if got := p.slots[0].pred(rowOf(p, tt.fields)); got != tt.want {
				t.Errorf("%s on %v is %v", tt.predicate, tt.fields, got)
			}
		})
	}
}

func TestNumbersOfEvents(t *testing.T) {
	tests := []struct {
		name, number string
		fields       map[string]any
		want         float64
		ok           bool
	}{
		{"a field is its value", "n", map[string]any{"n": 2.5}, 2.5, true},
		{"a missing field has none", "n", nil, 0, false},
		{"arithmetic has the usual precedence", "n + m * 2 - 1", map[string]any{"n": 1.0, "m": 3.0}, 6, true},
		{"a sign binds stronger than a product", "-n * m", map[string]any{"n": 2.0, "m": 3.0}, -6, true},
		{"a division by zero has no value", "n / m", map[string]any{"n": 1.0, "m": 0.0}, 0, false},
		{"nor has zero by zero", "n / m", map[string]any{"n": 0.0, "m": 0.0}, 0, false},
		{"nor what is too large", "n * m", map[string]any{"n": 1e300, "m": 1e300}, 0, false},
		{"a constant counts as itself", "5", nil, 5, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := loadOne(t, eventSignals, fmt.Sprintf(`sum(s, %s, "1m") > 1`, tt.number))
			got, ok := p.slots[0].num(rowOf(p, tt.fields))
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("%s on %v is %v %v, want %v %v", tt.number, tt.fields, got, ok, tt.want, tt.ok)
			}
		})
	}
}

// Predicates run once for each event and rule: none of them may allocate.
func TestPredicatesDoNotAllocate(t *testing.T) {
	fields := map[string]any{"n": 500.0, "m": 2.0, "a": "block", "b": "x", "f": true}
	for _, source := range []string{
		`a == "block"`, `a != "x"`, `n >= 500`, `n < m`, `n / m > 3 or not f`, `a in ["x", "block"]`, `n in [1, 2, 500]`,
		`a startsWith "bl"`, `a matches "^bl.*k$"`, `a < b`, `not (f and a contains "oc")`, `0 < n < 600`,
	} {
		p := loadOne(t, eventSignals, fmt.Sprintf(`count(s, %s, "1m") > 1`, source))
		r := rowOf(p, fields)
		if n := testing.AllocsPerRun(100, func() { p.slots[0].pred(r) }); n != 0 {
			t.Errorf("%s allocates %v times a call", source, n)
		}
	}
}

func BenchmarkPredicate(b *testing.B) {
	for _, source := range []string{`a == "block"`, `n >= 500`, `n >= 500 and a in ["x", "block"]`} {
		b.Run(source, func(b *testing.B) {
			p := loadOne(b, eventSignals, fmt.Sprintf(`count(s, %s, "1m") > 1`, source))
			r := rowOf(p, map[string]any{"n": 500.0, "a": "block"})
			b.ReportAllocs()
			for b.Loop() {
				p.slots[0].pred(r)
			}
		})
	}
}
