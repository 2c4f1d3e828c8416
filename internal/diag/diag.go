// Package diag is the voice of everything that reads files people write: each
// problem says where (file:line:column), shows the line with a caret under the
// fault, and says what to do.
package diag

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// Severity says whether a problem refuses the file.
type Severity string

// An Error refuses the file; a Warning is legal and unwise.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one finding in one file.
type Problem struct {
	File string
	// Line and Column start at 1; Column counts characters. Width is how many
	// characters the caret underlines, at least 1. A zero Line means the whole
	// file.
	Line, Column, Width int
	Severity            Severity
	Message             string // what is wrong, lower case, no full stop
	Hint                string // what to do
	Source              string // the line, for the caret; may be empty
}

// Error is the first line of the message: file:line:column: message.
func (p Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", p.File, p.Line, max(p.Column, 1))
	}
	if p.Severity == Warning {
		return fmt.Sprintf("%s: warning: %s", where, p.Message)
	}
	return fmt.Sprintf("%s: %s", where, p.Message)
}

// Render is the whole message, of up to four lines, with a line end.
func (p Problem) Render() string {
	var b strings.Builder
	b.WriteString(p.Error())
	b.WriteByte('\n')
	if p.Line > 0 && p.Source != "" {
		gutter := fmt.Sprintf("%5d | ", p.Line)
		fmt.Fprintf(&b, "%s%s\n", gutter, strings.TrimRight(p.Source, " \r\n"))
		fmt.Fprintf(&b, "%s%s%s\n", strings.Repeat(" ", len(gutter)), indent(p.Source, max(p.Column, 1)-1), strings.Repeat("^", max(p.Width, 1)))
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, "      = hint: %s\n", p.Hint)
	}
	return b.String()
}

// indent is as wide as the first n characters of line, tabs kept.
func indent(line string, n int) string {
	var b strings.Builder
	for i := 0; i < n; i++ {
		r, size := utf8.DecodeRuneInString(line)
		line = line[size:]
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// Problems are all findings of one reading. As an error it has at least one
// Error in it; see Err.
type Problems []Problem

// Err is the problems as an error, or nil when none of them is an Error.
func (ps Problems) Err() error {
	for _, p := range ps {
		if p.Severity != Warning {
			return ps
		}
	}
	return nil
}

// Error is every problem, rendered, in the order of files and lines.
func (ps Problems) Error() string { return strings.TrimRight(ps.Render(), "\n") }

// Render is every problem, rendered, in the order of files and lines.
func (ps Problems) Render() string {
	sorted := append(Problems(nil), ps...)
	sort.SliceStable(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	var b strings.Builder
	for _, p := range sorted {
		b.WriteString(p.Render())
	}
	return b.String()
}
