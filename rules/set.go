package rules

import (
	"github.com/ripcord-dev/ripcord/internal/diag"
	"sort"
)

// Source is one rule source of ripcord.yml with its files, already read: who owns
// it, which targets it may name and how far its rules may go.
type Source struct {
	Team    string
	Targets []string // patterns; empty allows all
	MaxMode Mode
	Files   []File
}

// File is one rule file's bytes. Commit is that of the checkout it stands in.
type File struct {
	Path   string
	Data   []byte
	Commit string
}

// Set is the compiled rules of all configured targets. It holds no state and is
// safe for concurrent use.
type Set struct {
	programs map[string]*program // by target
	// Warnings are legal and unwise.
	Warnings diag.Problems
	// Hash names the set.
	Hash string
}

// Rules lists the rules of a target in file order.
func (s *Set) Rules(target string) []*Rule {
	if p := s.programs[target]; p != nil {
		return p.rules
	}
	return nil
}

// Targets lists the targets that have rules, sorted.
func (s *Set) Targets() []string {
	names := make([]string, 0, len(s.programs))
	for name := range s.programs {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
