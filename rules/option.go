package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/ripcord-dev/ripcord/triggers"
)

// optionReader reads the options of a call into its slot.
type optionReader struct {
	*eventSide
	sig      signature
	slot     *slot
	interval time.Duration
	where    string // as written
	parts    []string
}

// read takes the options in the order of the signature, whatever the order they
// are written in, so that the canonical text is one.
func (r *optionReader) read(n *ast.MapNode) (text string, ok bool) {
	if r.sig.fn == fnSeqShare {
		r.slot.seq = seqOptions{margin: 1.25, alpha: 0.001, tick: min(max(r.interval, time.Second), time.Minute), randomised: true}
	}
	if r.sig.fn == fnFiring {
		r.slot.timeout = defaultExpiry
	}
	given, ok := r.given(n)
	for _, name := range r.sig.options {
		if value := given[name]; value != nil {
			ok = r.option(name, value) && ok
		}
	}
	if r.slot.bad >= 0 && r.slot.weight < 0 && ok {
		r.refuse(given["bad"], "weight: names the field with all of a row's events", "bad: needs weight:")
		return "", false
	}
	if r.sig.fn == fnSeqShare {
		r.parts = append(r.parts, fmt.Sprintf("%+v", r.slot.seq))
	}
	if r.sig.fn == fnFiring {
		r.parts = append(r.parts, r.slot.timeout.String())
	}
	return strings.Join(r.parts, ","), ok
}

func (r *optionReader) given(n *ast.MapNode) (map[string]ast.Node, bool) {
	given, ok := make(map[string]ast.Node), true
	if n == nil {
		return given, true
	}
	for _, p := range n.Pairs {
		pair := p.(*ast.PairNode) // the parser puts nothing else there
		key, isName := pair.Key.(*ast.StringNode)
		switch {
		case !isName:
			r.refuse(pair.Key, "", "an option's name is a word")
			ok = false
		case !slices.Contains(r.sig.options, key.Value):
			r.refuse(key, didYouMean(key.Value, r.sig.options), "%s has no option %s", r.sig.name, key.Value)
			ok = false
		case given[key.Value] != nil:
			r.refuse(key, "keep one of them", "the option %s stands here twice", key.Value)
			ok = false
		default:
			given[key.Value] = pair.Value
		}
	}
	return given, ok
}

func (r *optionReader) option(name string, n ast.Node) (ok bool) {
	switch name {
	case "where":
		var text string
		r.where = r.written(n)
		r.slot.where, text, ok = r.predicate(n, false)
		r.parts = append(r.parts, "where="+text)
	case "weight":
		r.slot.weight, ok = r.numberField(name, n)
	case "bad":
		r.slot.bad, ok = r.numberField(name, n)
	case "margin":
		r.slot.seq.margin, ok = r.constant(name, n, 1, 1000)
	case "alpha":
		r.slot.seq.alpha, ok = r.constant(name, n, 1e-12, 0.1)
	case "mode":
		r.slot.seq.watch, ok = r.watch(n)
	case "tick":
		r.slot.seq.tick, ok = r.length(name, n, time.Second, time.Minute)
	case "timeout":
		r.slot.timeout, ok = r.length(name, n, time.Second, maxHold)
	case "lower":
		r.slot.seq.lower, ok = r.yesNo(name, n)
	case "randomised":
		r.slot.seq.randomised, ok = r.yesNo(name, n)
	}
	return ok
}

func (r *optionReader) numberField(name string, n ast.Node) (int, bool) {
	o, ok := r.operand(n)
	if !ok {
		return -1, false
	}
	if o.kind != triggers.Number || o.column < 0 {
		r.refuse(n, "", "%s: names a number field, not %s", name, r.written(n))
		return -1, false
	}
	r.parts = append(r.parts, name+"="+o.text)
	return o.column, true
}

func (r *optionReader) constant(name string, n ast.Node, low, high float64) (float64, bool) {
	var x float64
	switch n := n.(type) {
	case *ast.IntegerNode:
		x = float64(n.Value)
	case *ast.FloatNode:
		x = n.Value
	default:
		r.refuse(n, "", "%s: is a number, not %s", name, r.written(n))
		return 0, false
	}
	if x < low || x > high || math.IsNaN(x) {
		r.refuse(n, "", "%s: %s is not within %v and %v", name, r.written(n), low, high)
		return 0, false
	}
	return x, true
}

func (r *optionReader) watch(n ast.Node) (watch, ok bool) {
	text, isText := n.(*ast.StringNode)
	if !isText || text.Value != "bake" && text.Value != "watch" {
		r.refuse(n, "bake judges a deployment, watch goes on for ever", `mode: is "bake" or "watch", not %s`, r.written(n))
		return false, false
	}
	return text.Value == "watch", true
}

func (r *optionReader) length(name string, n ast.Node, low, high time.Duration) (time.Duration, bool) {
	text, isText := n.(*ast.StringNode)
	if !isText {
		r.refuse(n, `such as "10s"`, "%s: is a duration in quotes, not %s", name, r.written(n))
		return 0, false
	}
	d, err := parseDuration(text.Value, low, high)
	if err != nil {
		r.refuse(n, durationHint(text.Value), "%s: %v", name, err)
	}
	return d, err == nil
}

func (r *optionReader) yesNo(name string, n ast.Node) (yes, ok bool) {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		r.refuse(n, "", "%s: is true or false, not %s", name, r.written(n))
		return false, false
	}
	return b.Value, true
}
