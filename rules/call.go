package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/ripcord-dev/ripcord/triggers"
)

// compiler turns the expressions of one rule into conditions and values over
// slots of a program.
type compiler struct {
	*expression
	*linker
	signalsByName map[string]*signalDecl
	interval      time.Duration
	read          []int // slots, each once, in the order of the source
}

// slotOfCall lifts an aggregate call out of its condition. It returns the index
// of its slot and whether that is boolean.
func (c *compiler) slotOfCall(n *ast.CallNode, of arm) (index int, boolean, ok bool) {
	name, isName := n.Callee.(*ast.IdentifierNode)
	switch {
	case !isName:
		c.refuseShape(n)
		return 0, false, false
	case name.Value == "now":
		c.refuseShape(n)
		return 0, false, false
	case name.Value == "previous":
		return c.previousCall(n, of)
	}
	sig, known := findSignature(name.Value)
	if !known {
		c.refuse(name, didYouMean(name.Value, functionNames()), "%s is not a function of this build", name.Value)
		return 0, false, false
	}
	if of == armPrevious && sig.boolean {
		c.refuse(n, "previous takes a call that gives a number", "%s has no previous value", sig.name)
		return 0, false, false
	}
	s, ok := c.slot(n, sig, of)
	if !ok {
		return 0, false, false
	}
	index = c.place(s)
	if !slices.Contains(c.read, index) {
		c.read = append(c.read, index)
	}
	return index, sig.boolean, true
}

// previousCall is the same call on the events of the version before.
func (c *compiler) previousCall(n *ast.CallNode, of arm) (index int, boolean, ok bool) {
	var inner *ast.CallNode
	if len(n.Arguments) == 1 {
		inner, _ = n.Arguments[0].(*ast.CallNode)
	}
	if inner == nil {
		c.refuse(n, `such as previous(p99(predictions, latency_ms, "2m"))`, "previous takes one call")
		return 0, false, false
	}
	if of == armPrevious {
		c.refuse(n, "leave one of them out", "previous stands in previous")
		return 0, false, false
	}
	return c.slotOfCall(inner, armPrevious)
}

// slot checks the arguments of a call: signal, what, window, options.
func (c *compiler) slot(n *ast.CallNode, sig signature, of arm) (*slot, bool) {
	args := n.Arguments
	if len(args) == 0 {
		c.refuse(n, sig.usage(), "%s needs a signal", sig.name)
		return nil, false
	}
	decl := c.signalNamed(args[0])
	if decl == nil {
		return nil, false
	}
	side := &eventSide{expression: c.expression, linker: c.linker, decl: decl, signal: c.indexOf(decl)}
	s := &slot{
		fn: sig.fn, signal: side.signal, arm: of, q: sig.q, min: sig.minimum, weight: -1, bad: -1,
		call: c.written(n), noun: sig.name,
	}
	if of == armPrevious {
		s.call = "previous(" + s.call + ")"
	}
	rest := args[1:]
	options, hasOptions := (*ast.MapNode)(nil), false
	if len(rest) > 0 {
		if options, hasOptions = rest[len(rest)-1].(*ast.MapNode); hasOptions {
			rest = rest[:len(rest)-1]
		}
	}
	parts := []string{}
	ok := true
	if sig.window {
		rest, ok = c.window(n, sig, s, rest)
		parts = append(parts, s.window.String())
	}
	b := &optionReader{eventSide: side, sig: sig, slot: s, interval: c.interval}
	optionText, optionsOK := b.read(options)
	subject, what, whatOK := c.what(n, sig, side, s, rest)
	if !ok || !optionsOK || !whatOK {
		return nil, false
	}
	if sig.fn == fnFiring && decl.typ != triggers.TypeAlert {
		c.refuse(args[0], "declare a signal of type alert", "firing reads alerts, and %s has the type %s", decl.name, decl.typ)
		return nil, false
	}
	s.noun = nounOf(sig, s, decl.name, subject, b.where)
	s.key = fmt.Sprintf("%s(%s,%s,%s,%s)", sig.name, decl.key(), what, strings.Join(parts, ","), optionText)
	if of == armPrevious {
		s.key = "previous(" + s.key + ")"
	}
	return s, true
}

func (c *compiler) signalNamed(n ast.Node) *signalDecl {
	names := make([]string, 0, len(c.signalsByName))
	for name := range c.signalsByName {
		names = append(names, name)
	}
	id, ok := n.(*ast.IdentifierNode)
	if !ok {
		c.refuse(n, didYouMean("", names), "%s is not a signal", c.written(n))
		return nil
	}
	decl := c.signalsByName[id.Value]
	if decl == nil {
		hint := didYouMean(id.Value, names)
		if len(names) == 0 {
			hint = "declare it under signals:"
		}
		c.refuse(n, hint, "%s is not a signal of this file", id.Value)
	}
	return decl
}

// window takes the last argument, which must be a literal duration.
func (c *compiler) window(n *ast.CallNode, sig signature, s *slot, rest []ast.Node) ([]ast.Node, bool) {
	if len(rest) == 0 {
		c.refuse(n, sig.usage(), "%s needs a window", sig.name)
		return rest, false
	}
	last := rest[len(rest)-1]
	text, ok := last.(*ast.StringNode)
	if !ok {
		c.refuse(last, sig.usage(), "%s needs a window, such as \"1m\", behind %s", sig.name, c.written(last))
		return rest, false
	}
	d, err := parseDuration(text.Value, minWindow, maxWindow)
	if err != nil {
		c.refuse(last, durationHint(text.Value), "window: %v", err)
		return rest[:len(rest)-1], false
	}
	s.window = d
	return rest[:len(rest)-1], true
}

// what takes the predicate or the number between signal and window. subject is
// as written, text canonical.
func (c *compiler) what(n *ast.CallNode, sig signature, side *eventSide, s *slot, rest []ast.Node) (subject, text string, ok bool) {
	if len(rest) > 1 {
		c.refuse(rest[1], sig.usage(), "%s takes fewer arguments", sig.name)
		return "", "", false
	}
	if s.bad >= 0 {
		if len(rest) == 1 {
			c.refuse(rest[0], "leave the predicate or bad: out", "bad: says already how many are bad")
			return "", "", false
		}
		return "", "", true
	}
	if len(rest) == 0 {
		if sig.what != maybePredicate {
			c.refuse(n, sig.usage(), "%s needs a %s", sig.name, map[shape]string{onePredicate: "predicate", oneNumber: "number"}[sig.what])
			return "", "", false
		}
		return "", "", true
	}
	if sig.what == oneNumber {
		s.num, text, ok = side.number(rest[0])
	} else {
		s.pred, text, ok = side.predicate(rest[0], false)
	}
	return c.written(rest[0]), text, ok
}

// nounOf says in words what a call measures.
func nounOf(sig signature, s *slot, signal, subject, where string) string {
	noun := sig.name + " of " + signal
	switch {
	case sig.fn == fnSeqShare && s.bad >= 0, sig.fn == fnShare && s.bad >= 0:
		noun = "bad share of " + signal
	case sig.fn == fnSeqShare:
		noun = "share of " + signal + " with " + subject
	case sig.fn == fnFiring && subject == "":
		noun = signal
	case sig.fn == fnFiring:
		noun = signal + " with " + subject
	case sig.what == oneNumber:
		noun = sig.name + " of " + subject
	case subject != "":
		noun += " with " + subject
	}
	if where != "" {
		noun += " where " + where
	}
	if s.arm == armPrevious {
		noun = "previous " + noun
	}
	return noun
}
