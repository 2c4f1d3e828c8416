package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/ripcord-dev/ripcord/internal/diag"
)

type node = yaml.Node

// reader walks the nodes of one file and gathers every problem.
type reader struct {
	file     string
	dir      string
	lines    []string
	problems diag.Problems
	later    []func() // checks that need the whole file
}

// fields are the known keys of a mapping, each with what reads its value.
type fields map[string]func(*node)

// lineBreak is what the YAML parser counts as the end of a line.
var lineBreak = regexp.MustCompile("\r\n|[\n\r\u0085\u2028\u2029]")

// open parses one document. The node is nil when there is nothing to walk: the
// file is empty or can not be parsed at all.
func open(name string, data []byte) (*reader, *node) {
	r := &reader{file: name, lines: maskSecrets(lineBreak.Split(string(data), -1))}
	switch {
	case len(data) > MaxFile:
		r.problems = tooLarge(name)
		return r, nil
	case !utf8.Valid(data):
		r.whole("the file is not valid UTF-8", "save it as UTF-8")
		return r, nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		r.syntax(err)
		return r, nil
	}
	var doc node
	if err := loader.Load(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			r.syntax(err)
		}
		return r, nil
	}
	var second node
	if err := loader.Load(&second); err == nil {
		r.errorAt(&second, "one file holds one document: remove the --- line", "a second document starts here")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return r, nil
	}
	r.plain(doc.Content[0])
	return r, doc.Content[0]
}

// syntax reports what the YAML parser could not read.
func (r *reader) syntax(err error) {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		r.whole(fmt.Sprintf("not valid YAML: %v", err), "")
		return
	}
	p := r.problem(load.Mark.Line, load.Mark.Column, 1, "not valid YAML: "+strings.TrimPrefix(load.Message, "yaml: "), "")
	if load.ContextMsg != "" {
		p.Message += " " + load.ContextMsg
	}
	if strings.Contains(load.Message, "cannot start any token") {
		p.Hint = "indent with spaces, not with tabs; quote a value that starts with a sign"
	}
	r.problems = append(r.problems, p)
}

// plain refuses, in the whole tree, what makes YAML mean more than it shows:
// anchors, aliases, merge keys, tags and keys that stand twice.
func (r *reader) plain(n *node) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.errorAt(n, "write the value out", "aliases are not allowed")
		return
	case n.Anchor != "":
		r.errorAt(n, "write the value out where it is needed", "anchors are not allowed")
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.errorAt(n, "remove the tag; quote a value to make it text", "tags are not allowed")
	}
	if n.Kind == yaml.MappingNode {
		r.uniqueKeys(n)
	}
	for _, child := range n.Content {
		r.plain(child)
	}
}

func (r *reader) uniqueKeys(n *node) {
	first := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			r.errorAt(key, "", "a key must be a word")
			continue
		}
		if line, twice := first[key.Value]; twice {
			r.errorAt(key, "remove one of the two", "%q stands twice: first in line %d", key.Value, line)
			continue
		}
		first[key.Value] = key.Line
	}
}

// fields reads a mapping whose keys are known. An empty value is an empty
// mapping. what names the place in messages.
func (r *reader) fields(n *node, what string, known fields) {
	if !r.isMapping(n, what) {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case ok:
			read(value)
		case key.Kind == yaml.ScalarNode:
			r.unknown(key, what, sortedKeys(known))
		}
	}
}

// each reads a mapping whose keys are the users' own names.
func (r *reader) each(n *node, what string, read func(key, value *node)) {
	if !r.isMapping(n, what) {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode {
			read(n.Content[i], n.Content[i+1])
		}
	}
}

// items reads a list.
func (r *reader) items(n *node, what string, read func(item *node)) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.errorAt(n, "write it as a list: - …, or […]", "%s must be a list, and is %s", what, kindOf(n))
		return
	}
	for _, item := range n.Content {
		read(item)
	}
}

func (r *reader) isMapping(n *node, what string) bool {
	if isNull(n) {
		return false
	}
	if n.Kind == yaml.MappingNode {
		return true
	}
	if n.Kind != yaml.AliasNode { // told already
		r.errorAt(n, "write it as key: value lines", "%s must be a mapping, and is %s", what, kindOf(n))
	}
	return false
}

func (r *reader) unknown(key *node, what string, known []string) {
	known = slices.DeleteFunc(known, func(k string) bool { return slices.Contains(known, k+"_file") }) // refused as secrets
	hint := "known here: " + strings.Join(known, ", ")
	if near := diag.Nearest(key.Value, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.errorAt(key, hint, "%s has no key %q", what, key.Value)
}

// afterwards runs the checks that need the whole file.
func (r *reader) afterwards() {
	for _, check := range r.later {
		check()
	}
}

func (r *reader) errorAt(n *node, hint, format string, args ...any) {
	r.problems = append(r.problems, r.problem(n.Line, n.Column, widthOf(n), fmt.Sprintf(format, args...), hint))
}

func (r *reader) warnAt(n *node, hint, format string, args ...any) {
	p := r.problem(n.Line, n.Column, widthOf(n), fmt.Sprintf(format, args...), hint)
	p.Severity = diag.Warning
	r.problems = append(r.problems, p)
}

func (r *reader) whole(message, hint string) {
	r.problems = append(r.problems, diag.Problem{File: r.file, Severity: diag.Error, Message: message, Hint: hint})
}

// problem places a message. A place past the end of the file, which is where the
// parser misses something, becomes its end; a caret stays within its line.
func (r *reader) problem(line, column, width int, message, hint string) diag.Problem {
	p := diag.Problem{File: r.file, Severity: diag.Error, Message: message, Hint: hint}
	if line < 1 {
		return p
	}
	if line > len(r.lines) {
		line, column = len(r.lines), MaxFile
	}
	p.Line, p.Source = line, r.lines[line-1]
	length := utf8.RuneCountInString(p.Source)
	p.Column = min(max(column, 1), length+1)
	p.Width = max(1, min(width, length-p.Column+1))
	return p
}

// widthOf is how many characters of its line a node takes.
func widthOf(n *node) int {
	if n.Kind != yaml.ScalarNode {
		return 1
	}
	width := utf8.RuneCountInString(n.Value)
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		width += 2
	}
	return max(width, 1)
}

func isNull(n *node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func kindOf(n *node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	case yaml.ScalarNode:
		return fmt.Sprintf("%q", n.Value)
	case yaml.DocumentNode, yaml.StreamNode:
	}
	return "nothing"
}
