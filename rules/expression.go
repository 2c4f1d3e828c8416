package rules

import (
	"errors"
	"math"
	"sort"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
	"go.yaml.in/yaml/v4"
)

// The limits of one expression.
const (
	maxSource = 4 << 10
	maxNodes  = 300
)

// reserved are the words that an expression can not use as a name.
var reserved = []string{
	"true", "false", "nil", "in", "not", "and", "or", "matches", "contains",
	"startsWith", "endsWith", "let", "if", "else",
}

// expression is a parsed text of a rule file, with what it takes to point into
// the file.
type expression struct {
	*document
	scalar *yaml.Node
	runes  []rune
	root   ast.Node
	tokens []lexer.Token
	traced []spot // of each rune and of the end; made when first needed
}

// plainCalls makes every call parse as a plain one, those of expr's own functions
// too: the names are ours.
var plainCalls = func() conf.FunctionsTable {
	table := make(conf.FunctionsTable)
	for _, f := range builtin.Builtins {
		table[f.Name] = f
	}
	return table
}()

// expression is the parsed text of a scalar; false when it can not be parsed,
// which has then been reported.
func (d *document) expression(scalar *yaml.Node) (*expression, bool) {
	e, known := d.parsed[scalar]
	if !known {
		e = d.parse(scalar)
		if d.parsed == nil {
			d.parsed = make(map[*yaml.Node]*expression)
		}
		d.parsed[scalar] = e
	}
	return e, e != nil
}

func (d *document) parse(scalar *yaml.Node) *expression {
	e := &expression{document: d, scalar: scalar, runes: []rune(scalar.Value)}
	if scalar.Style&yaml.FoldedStyle != 0 {
		d.warn(d.mark(scalar), "write | instead of >", "folded: columns are approximate")
	}
	if len(scalar.Value) > maxSource {
		d.fail(d.mark(scalar), "make several rules of it", "the expression has %d bytes, more than %d", len(scalar.Value), maxSource)
		return nil
	}
	tokens, err := lexer.Lex(file.NewSource(scalar.Value))
	if err != nil {
		e.failSyntax(err)
		return nil
	}
	e.tokens = tokens
	if !e.speaks() {
		return nil
	}
	tree, err := parser.ParseWithConfig(scalar.Value, &conf.Config{MaxNodes: maxNodes, Functions: plainCalls})
	if err != nil {
		e.failSyntax(err)
		return nil
	}
	e.root = tree.Node
	return e
}

// foreign are the words of expr that are not words of the rule language, with
// what to write instead.
var foreign = map[string]string{
	"|":    "write the call around its argument",
	"::":   "leave it out",
	";":    "a condition is one expression",
	"let":  "a condition is one expression",
	"if":   "use and, or, not",
	"else": "use and, or, not",
	"?":    "use and, or, not",
	"?.":   "a missing field makes its comparison false",
	"??":   "a missing field makes its comparison false",
	"..":   "write two comparisons",
	"#":    "a comment inside an expression starts with //",
	"=":    "equality is ==",
	"&":    "write and",
	"%":    "arithmetic is + - * /",
	"**":   "arithmetic is + - * /",
	"^":    "arithmetic is + - * /",
}

// speaks refuses every word that is not one of the rule language.
func (e *expression) speaks() bool {
	ok := true
	for _, t := range e.tokens {
		if hint, isForeign := foreign[t.Value]; isForeign && t.Kind == lexer.Operator {
			e.fail(e.stretch(t.From, t.To), hint, "%s is not part of the rule language", t.Value)
			ok = false
		}
	}
	return ok
}

// refuseShape reports a node that has no meaning where it stands.
func (e *expression) refuseShape(n ast.Node) {
	written := e.written(n)
	switch n := n.(type) {
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok && callee.Value == "now" {
			e.refuse(n, "windows and ages are arguments of the functions", "now() is no number: conditions do not reckon with the time of day")
			return
		}
		e.refuse(n, "what stands inside a call sees one event at a time", "%s can not stand here", written)
	case *ast.StringNode:
		e.refuse(n, "texts stand inside calls, beside a field", "%s can not stand here", written)
	case *ast.ArrayNode:
		e.refuse(n, "a list stands behind in", "%s can not stand here", written)
	case *ast.MapNode:
		e.refuse(n, "options stand last in a call", "%s can not stand here", written)
	case *ast.MemberNode, *ast.SliceNode:
		e.refuse(n, "a field is a name, or two names joined with a dot", "%s is not a field", written)
	default:
		e.refuse(n, "", "%s can not stand here", written)
	}
}

func (e *expression) failSyntax(err error) {
	var at *file.Error
	if !errors.As(err, &at) {
		e.fail(e.mark(e.scalar), "", "%v", err)
		return
	}
	if strings.Contains(at.Message, "maximum allowed nodes") {
		e.fail(e.mark(e.scalar), "make several rules of it", "the expression has more than %d parts", maxNodes)
		return
	}
	message := at.Message
	from := min(at.From, len(e.runes))
	if strings.Contains(message, "token EOF") {
		message = "the expression ends too early"
		for from = len(e.runes); from > 0 && strings.ContainsRune(" \t\n", e.runes[from-1]); {
			from--
		}
	}
	hint := ""
	if strings.HasPrefix(message, "bad number") || strings.HasPrefix(message, "literal not") {
		hint = "is the quote that ends a text missing?"
	}
	e.fail(e.stretch(from, max(from+1, min(at.To, len(e.runes)))), hint, "%s", message)
}

// stretch is the place in the file of some characters of the text, as far as
// they stand on one line.
func (e *expression) stretch(from, to int) span {
	if e.traced == nil {
		e.traced = e.spots(e.scalar)
	}
	last := len(e.traced) - 1
	first := e.traced[min(from, last)]
	s := span{first.line, first.column, 1}
	for i := from; i < to && i <= last && e.traced[i].line == first.line; i++ {
		s.width = max(s.width, e.traced[i].column-first.column+1)
	}
	return s
}

// refuse reports a fault at the whole of a node.
func (e *expression) refuse(n ast.Node, hint, format string, args ...any) {
	from, to := e.extent(n)
	e.fail(e.stretch(from, to), hint, format, args...)
}

// written is a node as it stands in the file, on one line and without comments.
func (e *expression) written(n ast.Node) string {
	first, last := e.tokensOf(n)
	var b strings.Builder
	for i := first; i <= last && i < len(e.tokens); i++ {
		t := e.tokens[i]
		if i > first && t.From > e.tokens[i-1].To {
			b.WriteByte(' ')
		}
		b.WriteString(string(e.runes[t.From:t.To]))
	}
	return strings.ReplaceAll(b.String(), "\n", " ")
}

// extent is the first character of a node and the one behind its last.
func (e *expression) extent(n ast.Node) (from, to int) {
	first, last := e.tokensOf(n)
	if first > last || last >= len(e.tokens) {
		return n.Location().From, n.Location().To
	}
	return e.tokens[first].From, e.tokens[last].To
}

// tokensOf is the first and the last token of a node. The parser keeps one token
// of each node, so the brackets that belong to it are found by counting.
func (e *expression) tokensOf(n ast.Node) (first, last int) {
	reach := reach{math.MaxInt, 0}
	ast.Walk(&n, &reach)
	first = sort.Search(len(e.tokens), func(i int) bool { return e.tokens[i].From >= reach.from })
	last = sort.Search(len(e.tokens), func(i int) bool { return e.tokens[i].To >= reach.to })
	open, missing := 0, 0
	for i := first; i <= last && i < len(e.tokens); i++ {
		open += e.nesting(i)
		missing = min(missing, open)
	}
	open -= missing
	for missing < 0 && first > 0 {
		first--
		missing += e.nesting(first)
	}
	for open > 0 && last < len(e.tokens)-1 {
		last++
		open += e.nesting(last)
	}
	// A call without arguments reaches to its name only.
	if call, ok := n.(*ast.CallNode); ok && len(call.Arguments) == 0 && last+2 < len(e.tokens) {
		last += 2
	}
	return first, last
}

// nesting is 1 for an opening bracket, -1 for a closing one.
func (e *expression) nesting(i int) int {
	t := e.tokens[i]
	if t.Kind != lexer.Bracket {
		return 0
	}
	if strings.Contains("([{", t.Value) {
		return 1
	}
	return -1
}

// reach collects the outermost characters of a node and all below it.
type reach struct{ from, to int }

func (r *reach) Visit(n *ast.Node) {
	at := (*n).Location()
	if at.To == 0 { // of a node that the parser gives no place
		return
	}
	r.from, r.to = min(r.from, at.From), max(r.to, at.To)
}
