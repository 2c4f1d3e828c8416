package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/ripcord-dev/ripcord/internal/diag"
)

// Load reads, checks and compiles rule files. It does no I/O.
//
// Every problem of every file is found at one go; problems.Err() is nil when
// there are only warnings. The Set is never nil: it holds the groups that have
// no error in them, so that a caller may run those or refuse the whole. A group
// that names a target foreign to its source has such an error; a mode above its
// source's MaxMode is lowered with a warning.
func Load(sources []Source, opt Options) (*Set, diag.Problems) {
	l := &loader{set: newSet(opt.AnyTarget), opt: opt}
	for i := range sources {
		for _, f := range sources[i].Files {
			l.add(&sources[i], readFile(f))
		}
	}
	l.refuseSameNames()
	problems := l.close()
	for _, g := range l.set.groups {
		l.set.count += len(g.rules)
	}
	if !opt.AnyTarget {
		for _, target := range opt.Targets {
			l.set.programs[target] = l.set.link(target)
		}
		l.set.drop(func(*group) bool { return true }) // nothing is left to compile
	}
	l.set.Hash = hashSources(sources)
	for _, p := range problems {
		if p.Severity == diag.Warning {
			l.set.Warnings = append(l.set.Warnings, p)
		}
	}
	return l.set, problems
}

type loader struct {
	set   *Set
	opt   Options
	files []*ruleFile
}

// add checks the groups of a file and puts those that are sound into the set.
func (l *loader) add(source *Source, f *ruleFile) {
	l.files = append(l.files, f)
	for _, decl := range f.groups {
		g := &group{groupDecl: decl, file: f, source: source}
		before := f.errors
		l.checkTarget(g)
		link([]*group{g})
		if f.errors == before && !f.broken && !decl.broken {
			l.set.add(g)
		}
	}
}

// checkTarget holds a group to the targets that are configured and that its
// source may name.
func (l *loader) checkTarget(g *group) {
	pattern := isPattern(g.target)
	switch {
	case g.target == "": // reported as missing
	case l.opt.AnyTarget && pattern:
	case l.opt.AnyTarget:
		l.refuseForeign(g, g.target)
	case !pattern && !slices.Contains(l.opt.Targets, g.target):
		hint := didYouMean(g.target, l.opt.Targets)
		if len(l.opt.Targets) == 0 {
			hint = "declare it under targets: in ripcord.yml"
		}
		g.file.fail(g.targetAt, hint, "the target %s is not configured", g.target)
	case !pattern:
		l.refuseForeign(g, g.target)
	default:
		l.checkPattern(g)
	}
}

func (l *loader) checkPattern(g *group) {
	found := false
	for _, target := range l.opt.Targets {
		if !matches(g.target, target) {
			continue
		}
		found = true
		if l.refuseForeign(g, target) {
			return
		}
	}
	if !found {
		g.file.warn(g.targetAt, known(l.opt.Targets), "no configured target matches %s: the group does nothing", g.target)
	}
}

func (l *loader) refuseForeign(g *group, target string) (refused bool) {
	if g.source.allows(target) {
		return false
	}
	g.file.fail(g.targetAt, "its targets are "+strings.Join(g.source.Targets, ", "),
		"the rule source of team %s may not name the target %s", g.source.Team, target)
	return true
}

// refuseSameNames reports rules of one target that have one name, in whatever
// groups and files they stand. Where any target is legal, the names and patterns
// of the groups stand for the targets.
func (l *loader) refuseSameNames() {
	targets := l.opt.Targets
	if l.opt.AnyTarget {
		targets = nil
		for _, g := range l.set.groups {
			targets = append(targets, g.target)
		}
	}
	done := make(map[string]bool)
	refused := make(map[*ruleDecl]bool)
	for _, target := range targets {
		groups := l.set.wanting(target)
		if key := groupsKey(groups); len(groups) > 1 && !done[key] {
			done[key] = true
			l.refuseIn(groups, refused)
		}
	}
	l.set.drop(func(g *group) bool { return g.broken })
}

func (l *loader) refuseIn(groups []*group, refused map[*ruleDecl]bool) {
	type owner struct {
		*group
		rule *ruleDecl
	}
	first := make(map[string]owner)
	for _, g := range groups {
		for _, r := range g.rules {
			was, taken := first[r.name]
			if !taken {
				first[r.name] = owner{g, r}
				continue
			}
			if !refused[r] {
				refused[r], g.broken = true, true
				g.file.fail(r.at, fmt.Sprintf("the other one stands at %s:%d", was.file.path, was.rule.at.line),
					"a target of the group %s has another rule named %s", g.name, r.name)
			}
		}
	}
}

// close ends the checks: what is compiled from now on has been checked, and is
// not reported again.
func (l *loader) close() diag.Problems {
	var all diag.Problems
	for _, f := range l.files {
		all = append(all, f.problems...)
		f.closed = true
	}
	return all
}

func hashSources(sources []Source) string {
	h := sha256.New()
	for _, s := range sources {
		write(h, s.Team, strings.Join(s.Targets, ","), s.MaxMode.String())
		for _, f := range s.Files {
			write(h, f.Path, f.Commit, string(f.Data))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// write takes texts into a hash so that no two lists of them look the same.
func write(h hash.Hash, texts ...string) {
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
}
