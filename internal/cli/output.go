package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// width is how wide tables and texts may be.
const width = 80

// grid is a table before it is fitted. Cells are made safe; fit says, for each
// column, whether it may be cut to make the table narrower.
type grid struct {
	header []string
	fit    []bool
	rows   [][]string
}

// columns names the columns; one with a ~ in front may be cut.
func columns(names ...string) *grid {
	g := &grid{}
	for _, name := range names {
		bare := strings.TrimPrefix(name, "~")
		g.header, g.fit = append(g.header, bare), append(g.fit, bare != name)
	}
	return g
}

func (g *grid) row(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = dash(fmt.Sprint(cell))
	}
	g.rows = append(g.rows, row)
}

// shrink gives each column its width: the widest that may be cut gives way first.
func (g *grid) shrink() []int {
	const gap, least = 2, 6
	widths := make([]int, len(g.header))
	total := gap * (len(g.header) - 1)
	for i, name := range g.header {
		widths[i] = text.StringWidth(name)
		for _, row := range g.rows {
			widths[i] = max(widths[i], text.StringWidth(row[i]))
		}
		total += widths[i]
	}
	for ; total > width; total-- {
		widest := -1
		for i, may := range g.fit {
			if may && widths[i] > least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break // what is left is needed whole
		}
		widths[widest]--
	}
	return widths
}

// result prints v as JSON, or as the table that rows make of it.
func (e *env) result(v any, g *grid) error {
	if e.output != "table" {
		return e.json(v)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Format.Header = text.FormatUpper
	t.Style().Box.PaddingLeft = ""
	t.Style().Box.PaddingRight = "  "
	widths := g.shrink()
	line := func(cells []string) table.Row {
		row := make(table.Row, len(cells))
		for i, cell := range cells {
			row[i] = cut(cell, widths[i])
		}
		return row
	}
	t.AppendHeader(line(g.header))
	for _, row := range g.rows {
		t.AppendRow(line(row))
	}
	for line := range strings.Lines(t.Render()) {
		fmt.Fprintln(e.out, strings.TrimRight(line, " \n"))
	}
	return nil
}

// say prints text after a label, and goes on under itself where the line ends.
func (e *env) say(label, said string) {
	left := text.StringWidth(label)
	for i, line := range strings.Split(text.WrapSoft(safe(said), max(width-left, 30)), "\n") {
		if i > 0 {
			label = strings.Repeat(" ", left)
		}
		fmt.Fprintln(e.out, strings.TrimRight(label+line, " "))
	}
}

// field prints one line of a sheet.
func (e *env) field(name, said string) { e.say(fmt.Sprintf("%-10s", name), said) }

// json prints v: indented, or as one line with -o jsonl.
func (e *env) json(v any) error {
	raw, err := encode(v, e.output == "json")
	if err != nil {
		return err
	}
	_, err = e.out.Write(raw)
	return err
}

// encode is v as JSON with a line end; what would move a terminal is escaped.
func encode(v any, indent bool) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	return escape(b.Bytes()), nil
}

// escape writes control and format characters of JSON as \u: encoding/json does
// so below U+0020 only, and a terminal obeys others too.
func escape(raw []byte) []byte {
	if !bytes.ContainsFunc(raw, hostile) {
		return raw
	}
	var b bytes.Buffer
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		switch {
		case !hostile(r):
			b.Write(raw[:size])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		raw = raw[size:]
	}
	return b.Bytes()
}

// hostile tells the signs that move a terminal or reorder what it shows.
func hostile(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}

// ago is how long ago something was, short; a dash for no time.
func ago(at time.Time) string {
	d := time.Since(at)
	switch {
	case at.IsZero():
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours()/24))
}

// clock is a time of day in UTC, with the date when it was not today.
func clock(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	if at.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return at.UTC().Format("15:04:05Z")
	}
	return at.UTC().Format("2006-01-02 15:04:05Z")
}

// safe is hostile text on one line, without the signs that move a terminal.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return visible(r)
	}, s)
}

// safeLines is safe, but lines stay lines.
func safeLines(s string) string { return strings.Map(visible, s) }

func visible(r rune) rune {
	if hostile(r) {
		return unicode.ReplacementChar
	}
	return r
}

// cut shortens to n columns.
func cut(s string, n int) string {
	s = safe(s)
	if text.StringWidth(s) <= n {
		return s
	}
	return text.Trim(s, n-1) + "…"
}

func dash(s string) string { return orDefault(safe(s), "-") }

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
