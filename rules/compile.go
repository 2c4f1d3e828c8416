package rules

import (
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// condition compiles a node of the boolean skeleton. text is canonical: calls
// are their slots' keys, so that equal texts mean the same.
func (c *compiler) condition(n ast.Node) (cond condition, text string, ok bool) {
	switch n := n.(type) {
	case *ast.BoolNode:
		if n.Value {
			return constant(True), "true", true
		}
		return constant(False), "false", true
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			inner, text, ok := c.condition(n.Node)
			return negation{inner}, "not(" + text + ")", ok
		}
	case *ast.CallNode:
		return c.test(n)
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			return c.junction(n)
		case "<", "<=", ">", ">=", "==", "!=":
			return c.comparison(n)
		}
	}
	c.refuseCondition(n)
	return nil, "", false
}

// refuseCondition reports a node that is neither TRUE nor FALSE.
func (c *compiler) refuseCondition(n ast.Node) {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.UnaryNode:
		c.refuse(n, "compare it with a limit", "%s is a number, not a condition", c.written(n))
	case *ast.IdentifierNode:
		c.refuseName(n)
	case *ast.BinaryNode:
		if calculates(n.Operator) {
			c.refuse(n, "compare it with a limit", "%s is a number, not a condition", c.written(n))
			return
		}
		c.refuse(n, `tests of fields stand inside calls: share(signal, field == "x", "1m")`, "%s can not stand here", c.written(n))
	default:
		c.refuseShape(n)
	}
}

func (c *compiler) refuseName(n *ast.IdentifierNode) {
	hint := "fields stand inside calls: avg(signal, " + n.Value + `, "1m")`
	if c.signalsByName[n.Value] != nil {
		hint = "count its events: count(" + n.Value + `, "1m")`
	}
	c.refuse(n, hint, "%s can not stand outside a call", n.Value)
}

func (c *compiler) test(n *ast.CallNode) (condition, string, bool) {
	index, boolean, ok := c.slotOfCall(n, armCurrent)
	if !ok {
		return nil, "", false
	}
	if !boolean {
		c.refuse(n, "compare it with a limit", "%s is a number, not a condition", c.written(n))
		return nil, "", false
	}
	s := c.slots[index]
	return &test{slot: s, index: index, written: c.written(n)}, s.key, true
}

func (c *compiler) junction(n *ast.BinaryNode) (condition, string, bool) {
	left, leftText, leftOK := c.condition(n.Left)
	right, rightText, rightOK := c.condition(n.Right)
	if !leftOK || !rightOK {
		return nil, "", false
	}
	if n.Operator == "and" || n.Operator == "&&" {
		return both{left, right}, "(" + leftText + " and " + rightText + ")", true
	}
	return either{left, right}, "(" + leftText + " or " + rightText + ")", true
}

func (c *compiler) comparison(n *ast.BinaryNode) (condition, string, bool) {
	left, leftOK := c.side(n.Left)
	right, rightOK := c.side(n.Right)
	if !leftOK || !rightOK {
		return nil, "", false
	}
	read := slices.Clone(left.read)
	for _, i := range right.read {
		if !slices.Contains(read, i) {
			read = append(read, i)
		}
	}
	if len(read) == 0 {
		c.refuse(n, "compare a call, such as share(…), with a limit", "%s can never change", c.written(n))
		return nil, "", false
	}
	return &comparison{
		op: n.Operator, holds: ordered[float64](n.Operator),
		left: left.term, right: right.term, written: c.written(n), read: read,
	}, "(" + left.text + n.Operator + right.text + ")", true
}

// side is a compiled numeric expression.
type side struct {
	term
	text string // canonical
	read []int
}

func (c *compiler) side(n ast.Node) (side, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return side{term: number(n.Value), text: strconv.Itoa(n.Value)}, true
	case *ast.FloatNode:
		return side{term: number(n.Value), text: strconv.FormatFloat(n.Value, 'g', -1, 64)}, true
	case *ast.UnaryNode:
		if n.Operator == "-" || n.Operator == "+" {
			return c.signed(n)
		}
	case *ast.BinaryNode:
		if calculates(n.Operator) {
			return c.calculation(n)
		}
	case *ast.CallNode:
		return c.reading(n)
	}
	c.refuseNumber(n)
	return side{}, false
}

// refuseNumber reports a node that is no number.
func (c *compiler) refuseNumber(n ast.Node) {
	switch n := n.(type) {
	case *ast.BoolNode, *ast.UnaryNode:
		c.refuse(n, "conditions are joined with and, or, not", "%s is not a number", c.written(n))
	case *ast.IdentifierNode:
		c.refuseName(n)
	case *ast.BinaryNode:
		c.refuse(n, "conditions are joined with and, or, not", "%s is a condition, not a number", c.written(n))
	default:
		c.refuseShape(n)
	}
}

func (c *compiler) reading(n *ast.CallNode) (side, bool) {
	index, boolean, ok := c.slotOfCall(n, armCurrent)
	if !ok {
		return side{}, false
	}
	if boolean {
		c.refuse(n, "let it stand alone, or behind not", "%s is a condition, not a number", c.written(n))
		return side{}, false
	}
	s := c.slots[index]
	return side{term: reading{s, index}, text: s.key, read: []int{index}}, true
}

func (c *compiler) signed(n *ast.UnaryNode) (side, bool) {
	s, ok := c.side(n.Node)
	if ok && n.Operator == "-" {
		s.term, s.text = minus{s.term}, "-("+s.text+")"
	}
	return s, ok
}

func (c *compiler) calculation(n *ast.BinaryNode) (side, bool) {
	left, leftOK := c.side(n.Left)
	right, rightOK := c.side(n.Right)
	if !leftOK || !rightOK {
		return side{}, false
	}
	return side{
		term: &arithmetic{n.Operator, calculation(n.Operator), left.term, right.term},
		text: "(" + left.text + n.Operator + right.text + ")",
		read: append(slices.Clone(left.read), right.read...),
	}, true
}

func calculates(op string) bool { return op == "+" || op == "-" || op == "*" || op == "/" }
