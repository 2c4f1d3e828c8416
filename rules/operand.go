package rules

import (
	"math"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/ripcord-dev/ripcord/triggers"
)

// operand is a checked event-side expression that is not a condition.
type operand struct {
	kind    triggers.Kind
	text    string // canonical
	column  int    // of a field that stands alone, else -1
	literal bool
	value   triggers.Value // of a literal
	num     numeric        // of a number, literal or not
}

// number compiles a node that must be a number. The result is never NaN or
// infinite: there it has no value.
func (c *eventSide) number(n ast.Node) (numeric, string, bool) {
	o, ok := c.operand(n)
	if !ok {
		return nil, "", false
	}
	if o.kind != triggers.Number {
		c.refuse(n, "", "%s is a %s; a number is wanted here", c.written(n), o.kind)
		return nil, "", false
	}
	if o.column >= 0 {
		return o.num, o.text, true
	}
	value := o.num
	return func(r *row) (float64, bool) {
		x, ok := value(r)
		return x, ok && !math.IsNaN(x) && !math.IsInf(x, 0)
	}, o.text, true
}

func (c *eventSide) operand(n ast.Node) (operand, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return literalNumber(float64(n.Value)), true
	case *ast.FloatNode:
		return literalNumber(n.Value), true
	case *ast.StringNode:
		return operand{
			kind: triggers.String, text: strconv.Quote(n.Value), column: -1, literal: true,
			value: triggers.Value{Kind: triggers.String, Str: n.Value},
		}, true
	case *ast.BoolNode:
		o := operand{kind: triggers.Bool, text: strconv.FormatBool(n.Value), column: -1, literal: true, value: triggers.Value{Kind: triggers.Bool}}
		if n.Value {
			o.value.Num = 1
		}
		return o, true
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.field(n)
	case *ast.UnaryNode:
		if n.Operator == "-" || n.Operator == "+" {
			return c.signed(n)
		}
	case *ast.BinaryNode:
		if strings.Contains("+-*/", n.Operator) {
			return c.arithmetic(n)
		}
	}
	c.refuseShape(n)
	return operand{}, false
}

func literalNumber(x float64) operand {
	return operand{
		kind: triggers.Number, text: strconv.FormatFloat(x, 'g', -1, 64), column: -1, literal: true,
		value: triggers.Value{Kind: triggers.Number, Num: x},
		num:   func(*row) (float64, bool) { return x, true },
	}
}

// field resolves a name, or two that are joined with a dot.
func (c *eventSide) field(n ast.Node) (operand, bool) {
	name, ok := fieldName(n)
	if !ok {
		c.refuseShape(n)
		return operand{}, false
	}
	kind, known := c.decl.fields[name]
	if !known {
		c.refuseField(n, name)
		return operand{}, false
	}
	col := c.column(c.signal, name, kind)
	o := operand{kind: kind, text: name + ":" + kind.String(), column: col}
	if kind == triggers.Number {
		o.num = func(r *row) (float64, bool) {
			v := &r.columns[col]
			return v.Num, v.Kind == triggers.Number
		}
	}
	return o, true
}

func (c *eventSide) refuseField(n ast.Node, name string) {
	known := make([]string, 0, len(c.decl.fields))
	for field := range c.decl.fields {
		known = append(known, field)
	}
	hint := didYouMean(name, known)
	if len(known) == 0 {
		hint = "declare it under fields:"
	}
	c.refuse(n, hint, "signal %s has no field %s", c.decl.name, name)
}

// fieldName is the name that an identifier or a member of one stands for.
func fieldName(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.MemberNode:
		base, isName := n.Node.(*ast.IdentifierNode)
		property, isText := n.Property.(*ast.StringNode)
		if isName && isText && !n.Optional && !n.Method {
			return base.Value + "." + property.Value, true
		}
	}
	return "", false
}

func (c *eventSide) signed(n *ast.UnaryNode) (operand, bool) {
	o, ok := c.wantNumber(n.Node)
	if !ok || n.Operator == "+" {
		return o, ok
	}
	if o.literal {
		return literalNumber(-o.value.Num), true
	}
	value := o.num
	return operand{kind: triggers.Number, text: "-(" + o.text + ")", column: -1, num: func(r *row) (float64, bool) {
		x, ok := value(r)
		return -x, ok
	}}, true
}

func (c *eventSide) wantNumber(n ast.Node) (operand, bool) {
	o, ok := c.operand(n)
	if ok && o.kind != triggers.Number {
		c.refuse(n, "", "%s is a %s; arithmetic is for numbers", c.written(n), o.kind)
		return operand{}, false
	}
	return o, ok
}

func (c *eventSide) arithmetic(n *ast.BinaryNode) (operand, bool) {
	left, leftOK := c.wantNumber(n.Left)
	right, rightOK := c.wantNumber(n.Right)
	if !leftOK || !rightOK {
		return operand{}, false
	}
	calculate := calculation(n.Operator)
	if left.literal && right.literal {
		x := calculate(left.value.Num, right.value.Num)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			c.refuse(n, "", "%s is not a finite number", c.written(n))
			return operand{}, false
		}
		return literalNumber(x), true
	}
	a, b := left.num, right.num
	return operand{
		kind: triggers.Number, text: "(" + left.text + n.Operator + right.text + ")", column: -1,
		num: func(r *row) (float64, bool) {
			x, haveX := a(r)
			y, haveY := b(r)
			return calculate(x, y), haveX && haveY
		},
	}, true
}

// calculation is an arithmetic operator as a function.
func calculation(op string) func(a, b float64) float64 {
	switch op {
	case "+":
		return func(a, b float64) float64 { return a + b }
	case "-":
		return func(a, b float64) float64 { return a - b }
	case "*":
		return func(a, b float64) float64 { return a * b }
	}
	return func(a, b float64) float64 { return a / b }
}
