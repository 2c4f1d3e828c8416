package slack

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slack-go/slack/slackutilsx"
)

// clean takes out of a stranger's text what could make it look like something
// else: control characters, and the invisible ones that turn the direction of
// writing or hide letters. A line end stays one.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// fit is a text as Slack takes it: cleaned, escaped, and at most limit characters
// long as Slack counts them. Slack refuses empty texts, so there is always one.
func fit(s string, limit int) string {
	s = strings.TrimSpace(clean(s))
	if s == "" {
		return "—"
	}
	if escaped := slackutilsx.EscapeMessage(s); units(escaped) <= limit {
		return escaped
	}
	var b strings.Builder
	left := limit - 1 // for the ellipsis
	for _, r := range s {
		e := slackutilsx.EscapeMessage(string(r))
		if left -= units(e); left < 0 {
			break
		}
		b.WriteString(e)
	}
	return b.String() + "…"
}

// line is fit on one line.
func line(s string, limit int) string {
	return fit(strings.ReplaceAll(s, "\n", " "), limit)
}

// code is a text in a code span, where Slack reads no marks. A backtick would end
// the span, so it becomes another quote.
func code(s string, limit int) string {
	return "`" + line(strings.ReplaceAll(s, "`", "ʼ"), limit-2) + "`"
}

// units counts UTF-16 units, the strictest way in which Slack may count.
func units(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// shorten cuts a text to so many characters, before it is escaped elsewhere.
func shorten(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}
