package rules

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"go.yaml.in/yaml/v4"
)

// The limits of a summary.
const (
	maxTemplate = 1 << 10
	maxSummary  = 4 << 10
)

// summaryFields is what a summary's template sees.
type summaryFields struct {
	Target, Version, Previous, Rule string
	Values                          map[string]figure
}

// figure is a value in a template; NaN, which is greater and less than nothing,
// where there is none.
type figure float64

// String is what {{ .Values.name }} writes.
func (f figure) String() string { return figureText(float64(f)) }

// summarize renders the summary for a version of a target. The values are those
// of the rule; one without a value, or that is missing, reads "unknown". A rule
// without a summary gives "".
func (r *Rule) summarize(target, version, previous string, values map[string]Scalar) string {
	if r.summary == nil {
		return ""
	}
	fields := summaryFields{Target: target, Version: version, Previous: previous, Rule: r.Name, Values: make(map[string]figure, len(r.values))}
	for _, v := range r.values {
		scalar, ok := values[v.name]
		fields.Values[v.name] = figure(scalar.Value)
		if !ok || scalar.State != "" {
			fields.Values[v.name] = figure(math.NaN())
		}
	}
	text, err := execute(r.summary, fields)
	if err != nil {
		// The template ran at load with other numbers, so only its length or a
		// branch that was not taken then can be at fault. The numbers still reach
		// people in the evidence.
		return r.Name + " (its summary can not be written: " + err.Error() + ")"
	}
	return text
}

// templateFuncs are the functions that a summary may call, on numbers.
var templateFuncs = template.FuncMap{
	"percent":  func(x any) (string, error) { return formatted(x, percentText) },
	"humanize": func(x any) (string, error) { return formatted(x, figureText) },
	"duration": func(x any) (string, error) { return formatted(x, secondsText) },
}

// templateWords are all functions that a template may name. Those of
// text/template that are not here can make endless texts or call into values.
var templateWords = []string{"percent", "humanize", "duration", "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge"}

func formatted(x any, write func(float64) string) (string, error) {
	switch x := x.(type) {
	case figure:
		return write(float64(x)), nil
	case float64:
		return write(x), nil
	case int:
		return write(float64(x)), nil
	}
	return "", fmt.Errorf("%v is not a number", x)
}

// summary compiles a rule's summary and runs it once on made-up numbers, so that
// an unknown name is found at load. nil where it is wrong, which was reported.
func (d *document) summary(n *yaml.Node, rule string, values []value) *template.Template {
	if len(n.Value) > maxTemplate {
		d.fail(d.mark(n), "one sentence is what people read", "the summary has more than %d bytes", maxTemplate)
		return nil
	}
	t, err := template.New("summary").Option("missingkey=error").Funcs(templateFuncs).Parse(n.Value)
	if err != nil {
		d.failTemplate(n, err, rule, values)
		return nil
	}
	if fault := foreignNode(t.Root); fault != nil || len(t.Templates()) > 1 {
		d.failForeign(n, fault)
		return nil
	}
	fields := summaryFields{Target: "target", Version: "version", Previous: "previous", Rule: rule, Values: make(map[string]figure)}
	for _, v := range values {
		fields.Values[v.name] = 0.5
	}
	if _, err := execute(t, fields); err != nil {
		d.failTemplate(n, err, rule, values)
		return nil
	}
	return t
}

const summaryHint = "a summary has text, fields, if, and percent, humanize, duration and comparisons"

func (d *document) failForeign(n *yaml.Node, fault parse.Node) {
	if fault == nil {
		d.fail(d.mark(n), summaryHint, "a summary defines no templates")
		return
	}
	at := len([]rune(n.Value[:min(int(fault.Position()), len(n.Value))]))
	e := &expression{document: d, scalar: n}
	d.fail(e.stretch(at, at+1), summaryHint, "%s can not stand in a summary", fault)
}

// foreignNode is the first node that could loop, or call what is not allowed.
func foreignNode(n parse.Node) parse.Node {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		return firstForeign(n.Nodes)
	case *parse.IfNode:
		return firstForeign([]parse.Node{n.Pipe, n.List, n.ElseList})
	case *parse.ActionNode:
		return foreignNode(n.Pipe)
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			if f := firstForeign(command.Args); f != nil {
				return f
			}
		}
		return nil
	case *parse.IdentifierNode:
		if slices.Contains(templateWords, n.Ident) {
			return nil
		}
		return n
	case *parse.TextNode, *parse.CommentNode, *parse.FieldNode, *parse.NumberNode, *parse.StringNode, *parse.BoolNode:
		return nil
	}
	return n
}

func firstForeign(nodes []parse.Node) parse.Node {
	for _, n := range nodes {
		if f := foreignNode(n); f != nil {
			return f
		}
	}
	return nil
}

var (
	templatePlace = regexp.MustCompile(`^template: summary:(\d+)(?::(\d+))?: (?:executing "summary" at <([^>]*)>: )?`)
	missingEntry  = regexp.MustCompile(`map has no entry for key "([^"]*)"`)
	missingField  = regexp.MustCompile(`can't evaluate field (\w+)`)
)

// failTemplate reports a template's error where the template says it is.
func (d *document) failTemplate(n *yaml.Node, err error, rule string, values []value) {
	message, at := err.Error(), d.mark(n)
	if m := templatePlace.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		at = d.templateSpan(n, m[1], m[2], m[3])
	}
	hint := "fields are .Target .Version .Previous .Rule .Values.name"
	if m := missingEntry.FindStringSubmatch(message); m != nil {
		names := make([]string, len(values))
		for i, v := range values {
			names[i] = v.name
		}
		message, hint = fmt.Sprintf("the rule has no value %s", m[1]), didYouMean(m[1], names)
		if len(values) == 0 {
			hint = "declare it under values:"
		}
	} else if m := missingField.FindStringSubmatch(message); m != nil {
		message = "there is no field ." + m[1]
		hint = didYouMean(m[1], []string{"Target", "Version", "Previous", "Rule", "Values"})
	} else if strings.HasPrefix(message, "function ") {
		hint = summaryHint
	}
	d.fail(at, hint, "summary: %s", message)
}

// templateSpan is the place of a line, and of a byte in it where the template
// says one.
func (d *document) templateSpan(n *yaml.Node, line, column, fault string) span {
	lines := strings.SplitAfter(n.Value, "\n")
	number, _ := strconv.Atoi(line)   // the expression has only digits
	offset, _ := strconv.Atoi(column) // or nothing: 0
	if number < 1 || number > len(lines) {
		return d.mark(n)
	}
	from := len([]rune(strings.Join(lines[:number-1], "")))
	text := lines[number-1]
	width := len([]rune(strings.TrimRight(text, "\n")))
	if column != "" {
		// The template points at the last part of a chain, and names all of it.
		at := min(offset, len(text))
		if i := strings.LastIndex(text[:min(at+len(fault), len(text))], fault); i >= 0 {
			at = i
		}
		from += len([]rune(text[:at]))
		width = len([]rune(fault))
	}
	e := &expression{document: d, scalar: n}
	return e.stretch(from, from+max(width, 1))
}

var errTooLong = errors.New("the summary gets too long")

// execute runs a template into a text of bounded length.
func execute(t *template.Template, fields summaryFields) (string, error) {
	var w boundedText
	if err := t.Execute(&w, fields); err != nil {
		return "", err
	}
	return strings.TrimSpace(w.String()), nil
}

type boundedText struct{ strings.Builder }

func (w *boundedText) Write(p []byte) (int, error) {
	if w.Len()+len(p) > maxSummary {
		return 0, errTooLong
	}
	return w.Builder.Write(p)
}
