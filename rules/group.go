package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// group is a group of one file whose rules compile.
type group struct {
	*groupDecl
	file   *ruleFile
	source *Source
	index  int // in the set
}

// groupsKey names a list of groups.
func groupsKey(groups []*group) string {
	var b strings.Builder
	for _, g := range groups {
		b.WriteString(strconv.Itoa(g.index))
		b.WriteByte(',')
	}
	return b.String()
}

// link compiles groups into one program, where equal slots of all their rules
// are one. What is wrong with a rule is reported to its file, and the rule left
// out.
func link(groups []*group) *program {
	l := newLinker()
	for _, g := range groups {
		for _, decl := range g.rules {
			if r := g.compile(decl, l); r != nil {
				l.rules = append(l.rules, r)
			}
		}
	}
	return l.program
}

// compile makes a rule of its declaration.
func (g *group) compile(decl *ruleDecl, l *linker) *Rule {
	r := &Rule{
		Name: decl.name, Group: g.name, Trigger: decl.trigger, Severity: decl.severity,
		File: g.file.path, Line: decl.at.line, Commit: g.file.commit,
		Mode: min(decl.mode, g.source.MaxMode), Interval: g.interval,
		For: decl.hold, KeepFiring: decl.keep, MinSamples: decl.minSamples,
		NotifyOnNoData: decl.notify, runbook: decl.runbook,
	}
	if decl.modeAt != nil && decl.mode > r.Mode {
		g.file.warn(g.file.mark(decl.modeAt), "ask for a higher max_mode, or write what it gets",
			"mode %s is above the ceiling of team %s: it is %s", decl.mode, g.source.Team, r.Mode)
	}
	text, ok := g.compileCondition(r, decl, l)
	ok = g.compileValues(r, decl, l) && ok
	if decl.summary != nil {
		r.summary = g.file.summary(decl.summary, decl.name, r.values)
		ok = ok && r.summary != nil
	}
	if !ok {
		return nil
	}
	r.floors = r.floorsOf(l.slots)
	r.Hash = r.hash(text)
	return r
}

func (g *group) compileCondition(r *Rule, decl *ruleDecl, l *linker) (text string, ok bool) {
	if decl.condition == nil {
		return "", false
	}
	e, ok := g.file.expression(decl.condition)
	if !ok {
		return "", false
	}
	c := &compiler{expression: e, linker: l, signalsByName: g.file.signals, interval: g.interval}
	r.cond, text, ok = c.condition(e.root)
	if !ok {
		return "", false
	}
	if len(c.read) == 0 {
		e.refuse(e.root, "read a signal: share(…), seq_share(…), firing(…)", "the condition reads nothing: it can never change")
		return "", false
	}
	r.source = strings.TrimSpace(decl.condition.Value)
	r.condSlot, r.slots = c.read, merge(c.read, nil)
	r.instant = slices.ContainsFunc(c.read, func(i int) bool { return l.slots[i].fn == fnFiring })
	r.compares = slices.ContainsFunc(c.read, func(i int) bool {
		return l.slots[i].fn == fnSeqShare || l.slots[i].arm == armPrevious
	})
	g.advise(r, decl, l, e)
	return text, true
}

func (g *group) compileValues(r *Rule, decl *ruleDecl, l *linker) bool {
	sound := true
	for _, v := range decl.values {
		e, ok := g.file.expression(v.text)
		if !ok {
			sound = false
			continue
		}
		c := &compiler{expression: e, linker: l, signalsByName: g.file.signals, interval: g.interval}
		s, ok := c.side(e.root)
		if !ok {
			// The name stays known, so that the summary is not blamed as well.
			sound, s = false, side{term: number(0)}
		}
		r.values = append(r.values, value{name: v.name, eval: s.value})
		r.slots = merge(r.slots, c.read)
	}
	return sound
}

// hash covers what the rule's state and its decisions' identity depend on: its
// name, the condition with the signals that it reads, and its durations and
// minimum. Annotations, values, mode and severity may change without it.
func (r *Rule) hash(text string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "1\n%s\n%s\n%s\n%s\n%v", r.Name, text, r.For, r.KeepFiring, r.MinSamples))
	return hex.EncodeToString(sum[:8])
}

// advise warns of what is legal and unwise.
func (g *group) advise(r *Rule, decl *ruleDecl, l *linker, e *expression) {
	raw, previous, tested := "", "", false
	for _, i := range r.condSlot {
		s := l.slots[i]
		tested = tested || s.fn == fnSeqShare
		if s.fn == fnShare || s.fn == fnCount || s.fn == fnRate || s.fn == fnAvg {
			raw = s.call
		}
		if s.arm == armPrevious && previous == "" {
			previous = s.call
		}
	}
	if decl.mode == Auto && raw != "" && !tested && decl.hold == 0 {
		g.file.warn(e.wholeSpan(), "use seq_share, give the rule a for:, or let people approve",
			"a raw threshold that acts by itself and is looked at every %s: no guarantee against peeking", durationText(g.interval))
	}
	if previous != "" {
		g.file.warn(e.wholeSpan(), "let the rule stand on a second leg where it must outlive a day",
			"%s is INSUFFICIENT from 24 h after the cut-over on", previous)
	}
}

// wholeSpan is the first line of the expression.
func (e *expression) wholeSpan() span {
	from, to := e.extent(e.root)
	return e.stretch(from, to)
}
