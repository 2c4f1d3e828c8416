package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// result prints v as JSON, or as the table that rows make of it.
func (e *env) result(v any, rows func(table.Writer)) error {
	if e.output != "table" {
		return e.json(v)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Format.Header = text.FormatUpper
	t.Style().Box.PaddingLeft = ""
	t.Style().Box.PaddingRight = "  "
	rows(t)
	for line := range strings.Lines(t.Render()) {
		fmt.Fprintln(e.out, strings.TrimRight(line, " \n"))
	}
	return nil
}

func (e *env) json(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	if e.output == "json" {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(v)
}

// ago is a time as people say it; a dash for none.
func ago(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return humanize.Time(at)
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

// safe is hostile text without the signs that move a terminal.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '�'
		}
		return r
	}, s)
}

// cut shortens to n characters.
func cut(s string, n int) string {
	runes := []rune(safe(s))
	if len(runes) <= n {
		return string(runes)
	}
	return string(runes[:n-1]) + "…"
}

func dash(s string) string { return orDefault(safe(s), "-") }
