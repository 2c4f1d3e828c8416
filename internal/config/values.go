package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v4"

	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/rules"
)

// The readers of single values. Each makes a function for a fields table that
// checks the node and sets the variable; on a problem the variable keeps its
// default.

// nameForm is the form of every name: one NATS token, one word in Slack.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)

const nameHint = "1 to 63 of the characters A-Z a-z 0-9 _ -"

// scalar is the text of a single value; false after it has told why not.
func (r *reader) scalar(n *node, want string) (string, bool) {
	switch {
	case n.Kind == yaml.AliasNode: // told already
		return "", false
	case isNull(n):
		r.errorAt(n, "give it a value or remove the key", "the value is empty: want %s", want)
		return "", false
	case n.Kind != yaml.ScalarNode:
		r.errorAt(n, "", "want %s, not %s", want, kindOf(n))
		return "", false
	case n.Value == "":
		r.errorAt(n, "give it a value or remove the key", "the value is empty: want %s", want)
		return "", false
	}
	return n.Value, true
}

func (r *reader) text(into *string) func(*node) {
	return func(n *node) {
		if s, ok := r.scalar(n, "a text"); ok {
			*into = s
		}
	}
}

func (r *reader) name(into *string) func(*node) {
	return func(n *node) {
		if s, ok := r.scalar(n, "a name"); ok && r.isName(n) {
			*into = s
		}
	}
}

func (r *reader) isName(n *node) bool {
	if nameForm.MatchString(n.Value) {
		return true
	}
	r.errorAt(n, nameHint, "%q is not a name", n.Value)
	return false
}

// path joins a relative path with the file's directory.
func (r *reader) path(into *string) func(*node) {
	return func(n *node) {
		if s, ok := r.scalar(n, "a path"); ok {
			*into = r.abs(s)
		}
	}
}

func (r *reader) abs(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(r.dir, p)
}

func (r *reader) boolean(into *bool) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "true or false")
		if !ok {
			return
		}
		if n.Tag != "!!bool" || (s != "true" && s != "false") {
			r.errorAt(n, "", "want true or false, not %q", s)
			return
		}
		*into = s == "true"
	}
}

func (r *reader) integer(into *int, least, most int) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "a number")
		if !ok {
			return
		}
		v, err := strconv.Atoi(s)
		if err != nil || v < least || v > most {
			r.errorAt(n, "", "want a whole number from %d to %d, not %q", least, most, s)
			return
		}
		*into = v
	}
}

// year is the longest duration that makes sense anywhere in the file.
const year = 366 * 24 * time.Hour

func (r *reader) duration(into *time.Duration, least time.Duration) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "a duration")
		if !ok {
			return
		}
		d, err := model.ParseDuration(s)
		switch {
		case err != nil:
			r.errorAt(n, "such as 30s, 5m, 1h30m, 7d", "%q is not a duration", s)
		case time.Duration(d) < least:
			r.errorAt(n, "", "%s is too short: want at least %s", s, model.Duration(least))
		case time.Duration(d) > year:
			r.errorAt(n, "", "%s is longer than a year", s)
		default:
			*into = time.Duration(d)
		}
	}
}

func (r *reader) rate(into *incident.Rate) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "a rate")
		if !ok {
			return
		}
		rate, err := parseRate(s)
		if err != nil {
			r.errorAt(n, "such as 2/24h: at most two in 24 hours", "%q is not a rate: %v", s, err)
			return
		}
		*into = rate
	}
}

func parseRate(s string) (incident.Rate, error) {
	count, per, found := strings.Cut(s, "/")
	if !found {
		return incident.Rate{}, fmt.Errorf("want COUNT/DURATION")
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > 10000 {
		return incident.Rate{}, fmt.Errorf("the count must be from 1 to 10000")
	}
	d, err := model.ParseDuration(per)
	if err != nil || d <= 0 || time.Duration(d) > year {
		return incident.Rate{}, fmt.Errorf("%q is not a duration up to a year", per)
	}
	return incident.Rate{N: n, Per: time.Duration(d)}, nil
}

func (r *reader) size(into *int64) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "a size")
		if !ok {
			return
		}
		v, err := humanize.ParseBytes(s)
		if err != nil || v > 1<<50 {
			r.errorAt(n, "such as 512MiB or 4GiB", "%q is not a size", s)
			return
		}
		*into = int64(v)
	}
}

func (r *reader) mode(into *rules.Mode) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "a mode")
		if !ok {
			return
		}
		if err := into.UnmarshalText([]byte(s)); err != nil {
			r.errorAt(n, modeHint(s), "%q is not a mode", s)
		}
	}
}

func modeHint(s string) string {
	names := []string{rules.Observe.String(), rules.Approve.String(), rules.Veto.String(), rules.Auto.String()}
	if near := diag.Nearest(s, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "one of " + strings.Join(names, ", ")
}

// oneOf takes a word of a closed list.
func (r *reader) oneOf(into *string, words ...string) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "one of "+strings.Join(words, ", "))
		if !ok {
			return
		}
		for _, w := range words {
			if s == w {
				*into = s
				return
			}
		}
		hint := "one of " + strings.Join(words, ", ")
		if near := diag.Nearest(s, words); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		r.errorAt(n, hint, "%q is not known here", s)
	}
}

// names reads a list of names.
func (r *reader) names(into *[]string, what string) func(*node) {
	return func(n *node) {
		r.items(n, what, func(item *node) {
			if s, ok := r.scalar(item, "a name"); ok && r.isName(item) {
				*into = append(*into, s)
			}
		})
	}
}

// link reads an absolute URL of one of the schemes. Credentials in it are
// refused: they would be a secret in the file.
func (r *reader) link(into *string, hint string, schemes ...string) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "a URL")
		if !ok {
			return
		}
		if why := badURL(s, schemes); why != "" {
			r.errorAt(n, hint, "%s", why)
			return
		}
		*into = s
	}
}

func badURL(s string, schemes []string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "not a URL with a host"
	}
	if u.User != nil {
		return "a URL in this file holds no user and no password"
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return ""
		}
	}
	return fmt.Sprintf("the scheme %q is not one of %s", u.Scheme, strings.Join(schemes, ", "))
}
