package rules

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/ripcord-dev/ripcord/triggers"
)

// eventSide compiles what a call says about single events: predicates and
// numbers over the fields of one signal.
type eventSide struct {
	*expression
	*linker
	decl   *signalDecl
	signal int
}

// predicate compiles a boolean node, or its negation. Negations are pushed down
// to the leaves, where one that reads a missing column is false either way; that
// is Kleene's logic with UNKNOWN taken for false at the top. text is canonical
// and that of the node itself, negated or not.
func (c *eventSide) predicate(n ast.Node, negated bool) (p predicate, text string, ok bool) {
	switch n := n.(type) {
	case *ast.BoolNode:
		holds := n.Value != negated
		return func(*row) bool { return holds }, strconv.FormatBool(n.Value), true
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			p, text, ok = c.predicate(n.Node, !negated)
			return p, "not(" + text + ")", ok
		}
	case *ast.BinaryNode:
		return c.binaryPredicate(n, negated)
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.flag(n, negated)
	}
	return c.notPredicate(n)
}

func (c *eventSide) notPredicate(n ast.Node) (predicate, string, bool) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.UnaryNode:
		c.refuse(n, "compare it with something", "%s is not a condition", c.written(n))
	default:
		c.refuseShape(n)
	}
	return nil, "", false
}

// flag is a boolean field that stands alone.
func (c *eventSide) flag(n ast.Node, negated bool) (predicate, string, bool) {
	o, ok := c.operand(n)
	if !ok {
		return nil, "", false
	}
	if o.kind != triggers.Bool {
		c.refuse(n, "compare it with something", "%s is a %s, not a condition", c.written(n), o.kind)
		return nil, "", false
	}
	col, want := o.column, 1.0
	if negated {
		want = 0
	}
	return func(r *row) bool {
		v := &r.columns[col]
		return v.Kind == triggers.Bool && v.Num == want
	}, o.text, true
}

func (c *eventSide) binaryPredicate(n *ast.BinaryNode, negated bool) (predicate, string, bool) {
	switch n.Operator {
	case "and", "&&", "or", "||":
		return c.junction(n, negated)
	case "==", "!=", "<", "<=", ">", ">=":
		return c.comparison(n, negated)
	case "in":
		return c.membership(n, negated)
	case "startsWith", "endsWith", "contains", "matches":
		return c.textTest(n, negated)
	case "+", "-", "*", "/":
		c.refuse(n, "compare it with something", "%s is a number, not a condition", c.written(n))
		return nil, "", false
	}
	c.refuseShape(n)
	return nil, "", false
}

// junction is an and or an or; negated, it is the other one of the negations.
func (c *eventSide) junction(n *ast.BinaryNode, negated bool) (predicate, string, bool) {
	left, leftText, leftOK := c.predicate(n.Left, negated)
	right, rightText, rightOK := c.predicate(n.Right, negated)
	if !leftOK || !rightOK {
		return nil, "", false
	}
	all := n.Operator == "and" || n.Operator == "&&"
	text := "(" + leftText + " or " + rightText + ")"
	if all {
		text = "(" + leftText + " and " + rightText + ")"
	}
	if all != negated {
		return func(r *row) bool { return left(r) && right(r) }, text, true
	}
	return func(r *row) bool { return left(r) || right(r) }, text, true
}

// comparison compares two operands of one kind.
func (c *eventSide) comparison(n *ast.BinaryNode, negated bool) (predicate, string, bool) {
	left, leftOK := c.operand(n.Left)
	right, rightOK := c.operand(n.Right)
	if !leftOK || !rightOK {
		return nil, "", false
	}
	if left.kind != right.kind {
		c.refuse(n, kindHint(left, right), "%s is a %s and %s is a %s: they can not be compared",
			c.written(n.Left), left.kind, c.written(n.Right), right.kind)
		return nil, "", false
	}
	if left.literal && right.literal {
		c.refuse(n, "name a field on one side", "%s compares two constants", c.written(n))
		return nil, "", false
	}
	text := "(" + left.text + " " + n.Operator + " " + right.text + ")"
	equality := n.Operator == "==" || n.Operator == "!="
	switch {
	case left.kind == triggers.Bool && !equality:
		c.refuse(n, "booleans have == and != only", "%s orders booleans", c.written(n))
		return nil, "", false
	case left.kind == triggers.Number:
		return compareNumbers(left, n.Operator, right, negated), text, true
	case left.kind == triggers.Bool:
		return compareFlags(left, n.Operator, right, negated), text, true
	}
	return compareTexts(left, n.Operator, right, negated), text, true
}

func kindHint(left, right operand) string {
	if left.literal == right.literal {
		return ""
	}
	field, literal := left, right
	if left.literal {
		field, literal = right, left
	}
	switch {
	case field.kind == triggers.Number && literal.kind == triggers.String:
		return "write the number without quotes, or declare the field as a string"
	case field.kind == triggers.String && literal.kind == triggers.Number:
		return "write the text in quotes, or declare the field as a number"
	}
	return ""
}

// opposite is the operator of the negation. It holds for texts, and for numbers
// where none of them can be NaN.
var opposite = map[string]string{"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}

// mirrored is the operator with its sides swapped.
var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func compareNumbers(left operand, op string, right operand, negated bool) predicate {
	if left.literal {
		left, op, right = right, mirrored[op], left
	}
	if left.column >= 0 && right.literal {
		if negated {
			op = opposite[op]
		}
		return compareColumn(left.column, op, right.value.Num)
	}
	a, b, holds := left.num, right.num, ordered[float64](op)
	return func(r *row) bool {
		x, haveX := a(r)
		y, haveY := b(r)
		return haveX && haveY && holds(x, y) != negated
	}
}

// compareColumn is the commonest predicate of all, a closure for each operator.
func compareColumn(col int, op string, limit float64) predicate {
	number := func(r *row) (float64, bool) {
		v := &r.columns[col]
		return v.Num, v.Kind == triggers.Number
	}
	switch op {
	case "==":
		return func(r *row) bool { x, ok := number(r); return ok && x == limit }
	case "!=":
		return func(r *row) bool { x, ok := number(r); return ok && x != limit }
	case "<":
		return func(r *row) bool { x, ok := number(r); return ok && x < limit }
	case "<=":
		return func(r *row) bool { x, ok := number(r); return ok && x <= limit }
	case ">":
		return func(r *row) bool { x, ok := number(r); return ok && x > limit }
	}
	return func(r *row) bool { x, ok := number(r); return ok && x >= limit }
}

func compareTexts(left operand, op string, right operand, negated bool) predicate {
	if left.literal {
		left, op, right = right, mirrored[op], left
	}
	if negated {
		op = opposite[op]
	}
	col := left.column
	if right.literal {
		limit := right.value.Str
		switch op {
		case "==":
			return func(r *row) bool { v := &r.columns[col]; return v.Kind == triggers.String && v.Str == limit }
		case "!=":
			return func(r *row) bool { v := &r.columns[col]; return v.Kind == triggers.String && v.Str != limit }
		}
		holds := ordered[string](op)
		return func(r *row) bool { v := &r.columns[col]; return v.Kind == triggers.String && holds(v.Str, limit) }
	}
	other, holds := right.column, ordered[string](op)
	return func(r *row) bool {
		v, w := &r.columns[col], &r.columns[other]
		return v.Kind == triggers.String && w.Kind == triggers.String && holds(v.Str, w.Str)
	}
}

func compareFlags(left operand, op string, right operand, negated bool) predicate {
	if left.literal {
		left, right = right, left
	}
	equal := (op == "==") != negated
	col, limit, other := left.column, right.value, right.column
	return func(r *row) bool {
		v, w := &r.columns[col], &limit
		if other >= 0 {
			w = &r.columns[other]
		}
		return v.Kind == triggers.Bool && w.Kind == triggers.Bool && (v.Num == w.Num) == equal
	}
}

// ordered is a comparison as a function.
func ordered[T float64 | string](op string) func(a, b T) bool {
	switch op {
	case "==":
		return func(a, b T) bool { return a == b }
	case "!=":
		return func(a, b T) bool { return a != b }
	case "<":
		return func(a, b T) bool { return a < b }
	case "<=":
		return func(a, b T) bool { return a <= b }
	case ">":
		return func(a, b T) bool { return a > b }
	}
	return func(a, b T) bool { return a >= b }
}

// membership is `in` with a literal list.
func (c *eventSide) membership(n *ast.BinaryNode, negated bool) (predicate, string, bool) {
	left, ok := c.operand(n.Left)
	list, isList := n.Right.(*ast.ArrayNode)
	if !isList || len(list.Nodes) == 0 {
		c.refuse(n.Right, `write a list of constants: in ["a", "b"]`, "%s is not a list with something in it", c.written(n.Right))
		return nil, "", false
	}
	numbers, texts, keys := []float64{}, []string{}, []string{}
	for _, item := range list.Nodes {
		o, itemOK := c.operand(item)
		switch {
		case !itemOK:
			ok = false
			continue
		case !o.literal || o.kind == triggers.Bool:
			c.refuse(item, "", "%s is not a number or a text: a list holds constants", c.written(item))
			ok = false
		case left.kind != triggers.Missing && o.kind != left.kind:
			c.refuse(item, kindHint(left, o), "%s is a %s and can not be %s", c.written(n.Left), left.kind, c.written(item))
			ok = false
		}
		numbers, texts, keys = append(numbers, o.value.Num), append(texts, o.value.Str), append(keys, o.text)
	}
	if ok && left.literal {
		c.refuse(n, "name a field on the left", "%s compares constants", c.written(n))
	}
	if !ok || left.literal {
		return nil, "", false
	}
	text := "(" + left.text + " in [" + strings.Join(keys, ",") + "])"
	if left.kind == triggers.Number {
		value := left.num
		return func(r *row) bool {
			x, ok := value(r)
			return ok && slices.Contains(numbers, x) != negated
		}, text, true
	}
	col := left.column
	return func(r *row) bool {
		v := &r.columns[col]
		return v.Kind == triggers.String && slices.Contains(texts, v.Str) != negated
	}, text, true
}

// textTest is a test of a text against a constant.
func (c *eventSide) textTest(n *ast.BinaryNode, negated bool) (predicate, string, bool) {
	left, ok := c.operand(n.Left)
	if ok && (left.kind != triggers.String || left.literal) {
		c.refuse(n.Left, "", "%s wants a text field on its left, not %s", n.Operator, c.written(n.Left))
		ok = false
	}
	right, constant := n.Right.(*ast.StringNode)
	if !constant {
		c.refuse(n.Right, "", "%s wants a text in quotes on its right", n.Operator)
	}
	if !ok || !constant {
		return nil, "", false
	}
	test, err := textTester(n.Operator, right.Value)
	if err != nil {
		c.refuse(right, "the syntax is RE2's", "%v", err)
		return nil, "", false
	}
	col := left.column
	return func(r *row) bool {
		v := &r.columns[col]
		return v.Kind == triggers.String && test(v.Str) != negated
	}, "(" + left.text + " " + n.Operator + " " + strconv.Quote(right.Value) + ")", true
}

func textTester(op, want string) (func(string) bool, error) {
	switch op {
	case "startsWith":
		return func(s string) bool { return strings.HasPrefix(s, want) }, nil
	case "endsWith":
		return func(s string) bool { return strings.HasSuffix(s, want) }, nil
	case "contains":
		return func(s string) bool { return strings.Contains(s, want) }, nil
	}
	re, err := regexp.Compile(want)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}
