package actions

import (
	"fmt"
	"sort"

	"go.yaml.in/yaml/v4"
)

// Settings are a step's settings as they stand in ripcord.yml, undecoded: each
// kind knows its own.
type Settings struct {
	node *yaml.Node
	dir  string
}

// NewSettings wraps the mapping node of a step, without its kind. Relative paths
// in it are meant from dir.
func NewSettings(node *yaml.Node, dir string) Settings { return Settings{node: node, dir: dir} }

// Dir is the directory that relative paths are meant from.
func (s Settings) Dir() string { return s.dir }

// Decode decodes strictly into the kind's settings struct: an unknown key is an
// error with its line.
func (s Settings) Decode(into any) error {
	if s.node == nil {
		return nil
	}
	return s.node.Load(into, yaml.WithKnownFields())
}

// New makes an action of one kind. It checks the settings and does not dial.
type New func(Settings) (Action, error)

// Registry knows the kinds. The zero value is not usable; see NewRegistry.
type Registry struct{ kinds map[string]New }

// NewRegistry makes an empty registry.
func NewRegistry() *Registry { return &Registry{kinds: make(map[string]New)} }

// Register adds a kind; a name that is taken is an error.
func (r *Registry) Register(kind string, make New) error {
	if _, taken := r.kinds[kind]; taken {
		return fmt.Errorf("register action kind %q: it is registered already", kind)
	}
	r.kinds[kind] = make
	return nil
}

// Kinds lists the registered kinds, sorted.
func (r *Registry) Kinds() []string {
	kinds := make([]string, 0, len(r.kinds))
	for k := range r.kinds {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	return kinds
}

// Build makes a configured action.
func (r *Registry) Build(kind string, s Settings) (Action, error) {
	mk, ok := r.kinds[kind]
	if !ok {
		return nil, fmt.Errorf("unknown action kind %q: this build has %v", kind, r.Kinds())
	}
	a, err := mk(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return a, nil
}
