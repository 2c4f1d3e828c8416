package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/ripcord-dev/ripcord/internal/diag"
)

const (
	mapping = yaml.MappingNode
	scalar  = yaml.ScalarNode
)

// valueOf is the value of a key in a mapping, or nil.
func valueOf(n *node, key string) *node {
	if n.Kind != mapping {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// required reports the keys that a mapping lacks.
func (r *reader) required(n *node, what string, keys ...string) {
	if n.Kind != mapping {
		if isNull(n) {
			r.errorAt(n, "it needs "+strings.Join(keys, ", "), "%s is empty", what)
		}
		return // told already
	}
	for _, key := range keys {
		if valueOf(n, key) == nil {
			r.errorAt(n, fmt.Sprintf("add %s: …", key), "%s has no %s", what, key)
		}
	}
}

// kind reads the key kind of an item, which decides what else may stand there.
func (r *reader) kind(item *node, what string, kinds ...string) (string, bool) {
	if !r.isMapping(item, "the "+what) {
		return "", false
	}
	n := valueOf(item, "kind")
	if n == nil {
		r.errorAt(item, "one of "+strings.Join(kinds, ", "), "the %s has no kind", what)
		return "", false
	}
	s, ok := r.scalar(n, "a kind")
	if !ok {
		return "", false
	}
	for _, k := range kinds {
		if s == k {
			return k, true
		}
	}
	hint := fmt.Sprintf("this build has %s", strings.Join(kinds, ", "))
	if near := diag.Nearest(s, kinds); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.errorAt(n, hint, "no kind of %s is called %q", what, s)
	return "", false
}

// uniqueName reads a name that no other of its sort has.
func (r *reader) uniqueName(n *node, into *string, taken map[string]bool, what string) {
	r.name(into)(n)
	if *into == "" {
		return
	}
	if taken[*into] {
		r.errorAt(n, "names are how people and metrics tell them apart", "another %s is called %q", what, *into)
	}
	taken[*into] = true
}
