package rules

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v4"

	"github.com/ripcord-dev/ripcord/internal/diag"
)

// table is a YAML mapping whose keys are known ones, each at most once. Its
// methods read one key each, report what is wrong at the place where it is, and
// then return the zero value or the default.
type table struct {
	*document
	node   *yaml.Node
	noun   string // "a rule"
	values map[string]*yaml.Node
	keys   []*yaml.Node // in the order of the file
}

// table reads a mapping. known lists its keys; none means that the writer
// chooses the names.
func (d *document) table(n *yaml.Node, noun string, known ...string) (table, bool) {
	t := table{document: d, node: n, noun: noun, values: make(map[string]*yaml.Node)}
	if n.Kind != yaml.MappingNode {
		d.fail(d.mark(n), "", "%s is a mapping, not %s", noun, kindName(n))
		return t, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fail(d.mark(key), "", "a key of %s is a name, not %s", noun, kindName(key))
		case len(known) > 0 && !slices.Contains(known, key.Value):
			d.fail(d.mark(key), didYouMean(key.Value, known), "%s has no key %q", noun, key.Value)
		case t.values[key.Value] != nil:
			d.fail(d.mark(key), "keep one of them", "the key %q stands here twice", key.Value)
		default:
			t.values[key.Value] = value
			t.keys = append(t.keys, key)
		}
	}
	return t, true
}

func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	}
	return strconv.Quote(n.Value)
}

// scalar is the value of a key that has text; nil when the key is not there or
// holds something else.
func (t table) scalar(key string) *yaml.Node {
	n := t.values[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
		t.fail(t.mark(n), "", "%s is %s: want a text", key, kindName(n))
		return nil
	}
	return n
}

// require reports a key that is missing.
func (t table) require(keys ...string) {
	for _, key := range keys {
		if t.values[key] == nil {
			t.fail(t.mark(t.start()), "", "%s has no %s", t.noun, key)
		}
	}
}

// start is the first key, which is where an eye looks for the mapping.
func (t table) start() *yaml.Node {
	if len(t.node.Content) > 0 {
		return t.node.Content[0]
	}
	return t.node
}

var (
	nameShape  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)
	identShape = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
	fieldShape = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,1}$`)
)

// name reads a key that must hold a name.
func (t table) name(key string) string {
	n := t.scalar(key)
	if n == nil {
		return ""
	}
	if !nameShape.MatchString(n.Value) {
		t.fail(t.mark(n), "letters, digits, _ and -, at most 63", "%q is not a name", n.Value)
		return ""
	}
	return n.Value
}

// oneOf reads a key that holds one of a few words.
func (t table) oneOf(key, otherwise string, words ...string) string {
	n := t.scalar(key)
	if n == nil {
		return otherwise
	}
	if !slices.Contains(words, n.Value) {
		hint := ""
		if word := diag.Nearest(n.Value, words); word != "" {
			hint = didYouMean(n.Value, words)
		}
		t.fail(t.mark(n), hint, "%s is one of %s, not %q", key, strings.Join(words, ", "), n.Value)
		return otherwise
	}
	return n.Value
}

// duration reads a key that holds a duration within limits.
func (t table) duration(key string, otherwise, low, high time.Duration) time.Duration {
	n := t.scalar(key)
	if n == nil {
		return otherwise
	}
	d, err := parseDuration(n.Value, low, high)
	if err != nil {
		t.fail(t.mark(n), durationHint(n.Value), "%s: %v", key, err)
		return otherwise
	}
	return d
}

// parseDuration reads what Prometheus reads: 30s, 1h30m, 100ms.
func parseDuration(text string, low, high time.Duration) (time.Duration, error) {
	parsed, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	d := time.Duration(parsed)
	if d < low || d > high {
		return 0, fmt.Errorf("%s is not within %s and %s", text, durationText(low), durationText(high))
	}
	return d, nil
}

// durationHint says how durations look where the text is none.
func durationHint(text string) string {
	if _, err := model.ParseDuration(text); err == nil {
		return ""
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return fmt.Sprintf("give a unit: %ss", text)
	}
	return "durations look like 100ms, 30s, 5m, 1h30m, 1d"
}

func durationText(d time.Duration) string { return model.Duration(d).String() }

// count reads a key that holds a whole number, at least 0.
func (t table) count(key string) float64 {
	n := t.scalar(key)
	if n == nil {
		return 0
	}
	v, err := strconv.ParseUint(n.Value, 10, 64)
	if err != nil || v > math.MaxInt32 {
		t.fail(t.mark(n), "", "%s is a whole number of at least 0, not %q", key, n.Value)
		return 0
	}
	return float64(v)
}

// list is the items of a key that holds a list.
func (t table) list(key string) []*yaml.Node {
	n := t.values[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		t.fail(t.mark(n), "each item starts with a dash", "%s is a list, not %s", key, kindName(n))
		return nil
	}
	return n.Content
}
