package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/ripcord-dev/ripcord/internal/diag"
)

// maxFile is how large a rule file may be.
const maxFile = 256 << 10

// span is a stretch of one line of a file, for a caret.
type span struct{ line, column, width int }

// document is a rule file that is being read: its lines, and what was found in
// it so far.
type document struct {
	path     string
	commit   string
	lines    []string
	problems diag.Problems
	errors   int
	closed   bool // everything has been reported
	parsed   map[*yaml.Node]*expression
}

// open reads the YAML of one file. What it returns holds no alias, anchor, tag
// or second document; nil means that the file could not be read at all.
func (d *document) open(data []byte) *yaml.Node {
	if len(data) > maxFile {
		d.fail(span{}, "split the file: each group may stand in its own", "the file has %d bytes, more than %d", len(data), maxFile)
		return nil
	}
	if !utf8.Valid(data) {
		d.fail(span{}, "save the file as UTF-8", "the file is not UTF-8")
		return nil
	}
	d.lines = strings.Split(string(data), "\n")
	if !d.oneLineBreak() {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	if err := decoder.Decode(&root); err != nil {
		d.failYAML(err)
		return nil
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case err == nil:
		d.fail(d.mark(&second), "put each document in a file of its own", "the file holds a second YAML document")
		return nil
	case !errors.Is(err, io.EOF):
		d.failYAML(err)
		return nil
	}
	if !d.plain(&root) || len(root.Content) != 1 {
		return nil
	}
	return root.Content[0]
}

// oneLineBreak refuses the line breaks of YAML that editors do not show as such:
// lines would have other numbers there, and a comment could end unseen.
func (d *document) oneLineBreak() bool {
	for i, line := range d.lines {
		line = strings.TrimSuffix(line, "\r")
		if at := strings.IndexAny(line, "\r\u0085\u2028\u2029"); at >= 0 {
			d.fail(span{i + 1, utf8.RuneCountInString(line[:at]) + 1, 1}, "end lines with LF or CR LF", "a line break that is not seen as one")
			return false
		}
	}
	return true
}

func (d *document) failYAML(err error) {
	if errors.Is(err, io.EOF) {
		d.fail(span{}, "a rule file has the keys signals and groups", "the file is empty")
		return
	}
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		d.fail(span{}, "", "not YAML: %v", err)
		return
	}
	where := span{line: at.Mark.Line, column: at.Mark.Column, width: 1}
	message := at.Message
	if at.ContextMsg != "" {
		message += " " + at.ContextMsg
	}
	hint := ""
	if strings.Contains(message, "mapping values are not allowed") || strings.Contains(message, "flow mapping") {
		hint = "a text that holds a colon or a brace is written under |, or in quotes"
	}
	d.fail(where, hint, "not YAML: %s", message)
}

// plain refuses what lets a file mean something else than it shows.
func (d *document) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		d.fail(d.mark(n), "write the value out", "aliases are not allowed: *%s", n.Value)
		return false
	case n.Anchor != "":
		d.fail(d.mark(n), "write the value out where it is needed", "anchors are not allowed: &%s", n.Anchor)
		return false
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(d.mark(n), "leave the tag out", "tags are not allowed: %s", n.Tag)
		return false
	}
	ok := true
	for _, child := range n.Content {
		ok = d.plain(child) && ok
	}
	return ok
}

// mark is the place of a node: all of a scalar that fits on its line, else its
// first character.
func (d *document) mark(n *yaml.Node) span {
	s := span{line: n.Line, column: n.Column, width: 1}
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || n.Line < 1 || n.Line > len(d.lines) {
		return s
	}
	width := utf8.RuneCountInString(n.Value)
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		width += 2
	}
	rest := utf8.RuneCountInString(strings.TrimRight(d.lines[n.Line-1], " \r")) - n.Column + 1
	s.width = max(1, min(width, rest))
	return s
}

func (d *document) fail(at span, hint, format string, args ...any) {
	d.errors++
	d.report(diag.Error, at, hint, fmt.Sprintf(format, args...))
}

func (d *document) warn(at span, hint, format string, args ...any) {
	d.report(diag.Warning, at, hint, fmt.Sprintf(format, args...))
}

func (d *document) report(severity diag.Severity, at span, hint, message string) {
	if d.closed {
		return
	}
	if at.line > len(d.lines) && len(d.lines) > 0 { // what is missing at the very end
		last := strings.TrimRight(d.lines[len(d.lines)-1], "\r")
		at = span{len(d.lines), utf8.RuneCountInString(last) + 1, 1}
	}
	p := diag.Problem{
		File: d.path, Line: at.line, Column: at.column, Width: at.width,
		Severity: severity, Message: message, Hint: hint,
	}
	if at.line > 0 && at.line <= len(d.lines) {
		p.Source = strings.TrimRight(d.lines[at.line-1], "\r")
	}
	d.problems = append(d.problems, p)
}
