package rules

import (
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/ripcord-dev/ripcord/internal/diag"
)

// Source is one rule source of ripcord.yml with its files, already read: who owns
// it, which targets it may name and how far its rules may go.
type Source struct {
	Team    string
	Targets []string // patterns; empty allows all
	// MaxMode is the ceiling of the source's rules. The zero value is Observe:
	// who wants rules that act has to say so.
	MaxMode Mode
	Files   []File
}

// allows tells whether the source may name the target.
func (s *Source) allows(target string) bool {
	return len(s.Targets) == 0 || slices.ContainsFunc(s.Targets, func(p string) bool { return matches(p, target) })
}

// isPattern tells whether a group's target is more than one name.
func isPattern(target string) bool { return strings.ContainsAny(target, "*?") }

// matches tells whether a target's name fits a pattern of * and ?.
func matches(pattern, target string) bool {
	ok, err := path.Match(pattern, target)
	return err == nil && ok
}

// File is one rule file's bytes. Commit is that of the checkout it stands in.
type File struct {
	Path   string
	Data   []byte
	Commit string
}

// Options say which targets the rules of a Set are for.
type Options struct {
	// Targets are the configured names. A group that names another one is an
	// error.
	Targets []string
	// AnyTarget makes every name legal: a target's rules are compiled when the
	// target is first seen. Targets is not read then.
	AnyTarget bool
}

// Set is the compiled rules of all targets. It holds no state of theirs and is
// safe for concurrent use. Targets that match the same groups share a program.
type Set struct {
	// Warnings are legal and unwise.
	Warnings diag.Problems
	// Hash names the set: it changes with every byte of its files, their commits,
	// and the limits of their sources.
	Hash string

	count    int                 // of rules, in all groups
	groups   []*group            // in the order of the files
	byName   map[string][]*group // those that name one target
	patterns []*group            // the others
	any      bool

	mu       sync.Mutex
	programs map[string]*program // by target; a nil program: no rule wants it
	linked   map[string]*program // by the list of groups
}

// Rules lists the rules of a target in file order.
func (s *Set) Rules(target string) []*Rule {
	if p := s.program(target); p != nil {
		return p.rules
	}
	return nil
}

// Count is the number of rules as they stand in the files, whichever targets they
// are for.
func (s *Set) Count() int { return s.count }

// Targets lists the targets that have rules, sorted. With Options.AnyTarget
// those are the ones seen so far.
func (s *Set) Targets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.programs))
	for name, p := range s.programs {
		if p != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// program is what is evaluated for a target; nil when no rule wants it. It is
// the same one at every call.
func (s *Set) program(target string) *program {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, known := s.programs[target]
	if !known && s.any {
		p = s.link(target)
		s.programs[target] = p
	}
	return p
}

func newSet(anyTarget bool) *Set {
	return &Set{
		any: anyTarget, byName: make(map[string][]*group),
		programs: make(map[string]*program), linked: make(map[string]*program),
	}
}

func (s *Set) add(g *group) {
	g.index = len(s.groups)
	s.groups = append(s.groups, g)
	if isPattern(g.target) {
		s.patterns = append(s.patterns, g)
	} else {
		s.byName[g.target] = append(s.byName[g.target], g)
	}
}

// drop takes groups out.
func (s *Set) drop(unwanted func(*group) bool) {
	kept := slices.DeleteFunc(s.groups, unwanted)
	s.groups, s.patterns, s.byName = nil, nil, make(map[string][]*group)
	for _, g := range kept {
		s.add(g)
	}
}

// wanting lists the groups that are for a target, in the order of the files.
func (s *Set) wanting(target string) []*group {
	wanted := slices.Clone(s.byName[target])
	for _, g := range s.patterns {
		if matches(g.target, target) && g.source.allows(target) {
			wanted = append(wanted, g)
		}
	}
	slices.SortFunc(wanted, func(a, b *group) int { return a.index - b.index })
	return wanted
}

// link compiles the groups that are for a target, or finds the program of
// another target that is wanted by the same ones. nil: no rule wants it.
func (s *Set) link(target string) *program {
	wanted := s.wanting(target)
	if len(wanted) == 0 {
		return nil
	}
	key := groupsKey(wanted)
	p := s.linked[key]
	if p == nil {
		p = link(wanted)
		s.linked[key] = p
	}
	return p
}
