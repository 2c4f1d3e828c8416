package rules

import (
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// spot is where one character of a scalar's value stands in its file.
type spot struct{ line, column int }

// spots finds where each character of a scalar's value stands in the file, and
// where its end does. In a literal block, a plain and a quoted scalar that is
// exact; in a folded block the columns are approximate. Where the file can not
// be followed the last one that could be is repeated.
func (d *document) spots(n *yaml.Node) []spot {
	value := []rune(n.Value)
	t := tracer{document: d, at: spot{n.Line, n.Column}}
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		return d.literalSpots(n, value)
	case n.Style&yaml.FoldedStyle != 0:
		t.at = spot{n.Line + 1, 1}
		t.indentation()
	case n.Style&yaml.DoubleQuotedStyle != 0:
		t.quote = '"'
		t.at.column++
	case n.Style&yaml.SingleQuotedStyle != 0:
		t.quote = '\''
		t.at.column++
	}
	found := make([]spot, 0, len(value)+1)
	for i := 0; i < len(value); {
		n := t.step(value[i:], func(p spot) { found = append(found, p) })
		i += n
	}
	return append(found, t.at)
}

// literalSpots: line k of the value is line k below the indicator, moved right
// by the indentation.
func (d *document) literalSpots(n *yaml.Node, value []rune) []spot {
	found := make([]spot, 0, len(value)+1)
	at := spot{n.Line + 1, 1}
	for start := 0; start <= len(value); {
		end := start
		for end < len(value) && value[end] != '\n' {
			end++
		}
		indent := max(0, len(d.line(at.line))-(end-start))
		for i := start; i <= end && len(found) <= len(value); i++ {
			found = append(found, spot{at.line, indent + i - start + 1})
		}
		start = end + 1
		at.line++
	}
	return found
}

// line is the characters of a line of the file, without its line end.
func (d *document) line(number int) []rune {
	if number < 1 || number > len(d.lines) {
		return nil
	}
	return []rune(strings.TrimRight(d.lines[number-1], "\r"))
}

// tracer follows the value of a scalar through the file that it was read from,
// where line breaks were folded and escapes resolved.
type tracer struct {
	*document
	at    spot
	quote rune // 0 in a plain scalar
}

// step says where the next characters of the value stand, one call of found for
// each, and returns how many they were.
func (t *tracer) step(value []rune, found func(spot)) int {
	line := t.line(t.at.line)
	if t.atEnd(line) && unicode.IsSpace(value[0]) {
		return t.fold(value, found)
	}
	if t.quote == '"' && t.char(line, 0) == '\\' {
		if t.char(line, 1) == 0 { // an escaped line break stands for nothing
			t.at = spot{t.at.line + 1, 1}
			t.indentation()
			return 0
		}
		found(t.at)
		t.at.column += escapeWidth(t.char(line, 1))
		return 1
	}
	found(t.at)
	switch {
	case t.quote == '\'' && value[0] == '\'':
		t.at.column += 2
	case t.char(line, 0) != 0:
		t.at.column++
	}
	return 1
}

// fold passes a run of line breaks: one stands for a space, n for n-1 breaks.
func (t *tracer) fold(value []rune, found func(spot)) int {
	start, breaks := t.at, 0
	for t.at.line < len(t.lines) {
		t.at = spot{t.at.line + 1, 1}
		breaks++
		t.indentation()
		if !t.atEnd(t.line(t.at.line)) {
			break
		}
	}
	n := 1
	for n < breaks-1 && n < len(value) && value[n] == '\n' {
		n++
	}
	for range n {
		found(start)
	}
	return n
}

// atEnd tells whether nothing but blanks follows on the line.
func (t *tracer) atEnd(line []rune) bool {
	for i := t.at.column - 1; i < len(line); i++ {
		if line[i] != ' ' && line[i] != '\t' {
			return false
		}
	}
	return true
}

func (t *tracer) indentation() {
	line := t.line(t.at.line)
	for c := t.char(line, 0); c == ' ' || c == '\t'; c = t.char(line, 0) {
		t.at.column++
	}
}

// char is the character ahead of the current one by n, 0 behind the line's end.
func (t *tracer) char(line []rune, n int) rune {
	if i := t.at.column - 1 + n; i >= 0 && i < len(line) {
		return line[i]
	}
	return 0
}

// escapeWidth is how many characters an escape in double quotes has.
func escapeWidth(letter rune) int {
	switch letter {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}
