package rules

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/ripcord-dev/ripcord/triggers"
)

// The limits of what a rule file may ask for.
const (
	minInterval   = 100 * time.Millisecond
	maxInterval   = time.Hour
	minWindow     = time.Second
	maxWindow     = 24 * time.Hour
	maxHold       = 7 * 24 * time.Hour // for, keep_firing_for, max_age, alert timeouts
	maxDelay      = 24 * time.Hour
	defaultKeep   = time.Minute
	defaultExpiry = 8*time.Hour + 30*time.Minute // two repeat intervals of Alertmanager
)

var (
	triggerKinds = []string{
		"performance_degradation", "latency_spike", "error_rate",
		"business_metric_drop", "bias", "customer_complaints",
	}
	severities = []string{"critical", "warning", "info"}
)

// ruleFile is a rule file as written: read and strict, nothing compiled.
type ruleFile struct {
	*document
	signals map[string]*signalDecl
	groups  []*groupDecl
	broken  bool // an error outside the groups
}

// signalDecl is what a file says about the events of one type.
type signalDecl struct {
	name, typ     string
	fields        map[string]triggers.Kind
	delay, maxAge time.Duration
}

// groupDecl is the rules for one target, or for those that a pattern names.
type groupDecl struct {
	name     string
	target   string
	targetAt span
	interval time.Duration
	rules    []*ruleDecl
	broken   bool // it can not be used
}

// ruleDecl is one rule. Its texts are nodes, because what is wrong inside them
// is told with its place.
type ruleDecl struct {
	at                      span
	name, trigger, severity string
	mode                    Mode
	modeAt                  *yaml.Node // nil: not written
	condition               *yaml.Node
	values                  []valueDecl
	summary                 *yaml.Node
	runbook                 string
	hold, keep              time.Duration
	minSamples              float64
	notify                  bool
}

type valueDecl struct {
	name string
	text *yaml.Node
}

// readFile reads what stands in a rule file. The file is never nil; what could
// not be read is missing from it and has been reported.
func readFile(f File) *ruleFile {
	file := &ruleFile{document: &document{path: f.Path, commit: f.Commit}, signals: make(map[string]*signalDecl)}
	root := file.open(f.Data)
	if root == nil {
		return file
	}
	t, ok := file.table(root, "a rule file", "signals", "groups")
	if !ok {
		return file
	}
	t.require("groups")
	if n := t.values["signals"]; n != nil {
		file.readSignals(n)
	}
	file.broken = file.errors > 0
	names := make(map[string]bool)
	for _, n := range t.list("groups") {
		before := file.errors
		g := file.group(n)
		if g == nil {
			continue
		}
		if g.name != "" && names[g.name] {
			file.fail(file.mark(n.Content[0]), "give each group a name of its own", "the group %s stands here twice", g.name)
		}
		names[g.name] = true
		g.broken = file.errors > before
		file.groups = append(file.groups, g)
	}
	return file
}

func (f *ruleFile) readSignals(n *yaml.Node) {
	all, ok := f.table(n, "signals")
	if !ok {
		return
	}
	for _, key := range all.keys {
		if !identShape.MatchString(key.Value) || slices.Contains(reserved, key.Value) {
			f.fail(f.mark(key), "letters, digits and _, not first a digit, and no word of the language: it stands in expressions", "%q can not be a signal's name", key.Value)
		}
		if s := f.signal(key.Value, all.values[key.Value]); s != nil {
			f.signals[key.Value] = s
		}
	}
}

func (f *ruleFile) signal(name string, n *yaml.Node) *signalDecl {
	t, ok := f.table(n, "a signal", "type", "fields", "delay", "max_age")
	if !ok {
		return nil
	}
	t.require("type")
	s := &signalDecl{
		name:   name,
		typ:    t.name("type"),
		fields: make(map[string]triggers.Kind),
		delay:  t.duration("delay", 0, 0, maxDelay),
		maxAge: t.duration("max_age", 0, time.Second, maxHold),
	}
	if s.typ == triggers.TypeTick {
		f.fail(f.mark(t.values["type"]), "", "events of type tick are Ripcord's own and carry nothing")
	}
	if fields := t.values["fields"]; fields != nil {
		f.readFields(s, fields)
	}
	return s
}

var fieldKinds = map[string]triggers.Kind{"number": triggers.Number, "string": triggers.String, "boolean": triggers.Bool}

func (f *ruleFile) readFields(s *signalDecl, n *yaml.Node) {
	t, ok := f.table(n, "fields")
	if !ok {
		return
	}
	for _, key := range t.keys {
		if !fieldShape.MatchString(key.Value) || slices.ContainsFunc(strings.Split(key.Value, "."), func(part string) bool { return slices.Contains(reserved, part) }) {
			f.fail(f.mark(key), "letters, digits and _, at most one dot, and no word of the language", "%q can not be a field's name", key.Value)
			continue
		}
		// An unknown kind is reported by oneOf; any kind will do then.
		s.fields[key.Value] = fieldKinds[t.oneOf(key.Value, "number", "number", "string", "boolean")]
	}
}

func (f *ruleFile) group(n *yaml.Node) *groupDecl {
	t, ok := f.table(n, "a group", "name", "target", "interval", "rules")
	if !ok {
		return nil
	}
	t.require("name", "target", "rules")
	g := &groupDecl{
		name:     t.name("name"),
		interval: t.duration("interval", time.Second, minInterval, maxInterval),
	}
	if target := t.scalar("target"); target != nil {
		g.target, g.targetAt = target.Value, f.mark(target)
		if !nameShape.MatchString(strings.NewReplacer("*", "a", "?", "a").Replace(g.target)) {
			f.fail(g.targetAt, "letters, digits, _ and -, with * and ? in a pattern", "%q is not a target's name", g.target)
			g.target = ""
		}
	}
	names := make(map[string]bool)
	for _, item := range t.list("rules") {
		r := f.rule(item)
		if r == nil {
			continue
		}
		if r.name != "" && names[r.name] {
			f.fail(r.at, "give each rule a name of its own", "the rule %s stands twice in this group", r.name)
		}
		names[r.name] = true
		g.rules = append(g.rules, r)
	}
	return g
}

func (f *ruleFile) rule(n *yaml.Node) *ruleDecl {
	t, ok := f.table(n, "a rule", "rule", "trigger", "if", "for", "keep_firing_for", "min_samples",
		"on_no_data", "severity", "mode", "values", "annotations")
	if !ok {
		return nil
	}
	t.require("rule", "trigger", "if")
	r := &ruleDecl{
		at:         f.mark(t.start()),
		name:       t.name("rule"),
		trigger:    t.oneOf("trigger", "", triggerKinds...),
		severity:   t.oneOf("severity", "warning", severities...),
		condition:  t.scalar("if"),
		hold:       t.duration("for", 0, 0, maxHold),
		keep:       t.duration("keep_firing_for", defaultKeep, 0, maxHold),
		minSamples: t.count("min_samples"),
		notify:     t.oneOf("on_no_data", "hold", "hold", "notify") == "notify",
		modeAt:     t.values["mode"],
	}
	if n := t.values["rule"]; n != nil {
		r.at = f.mark(n)
	}
	// Only the four names get through oneOf.
	_ = r.mode.UnmarshalText([]byte(t.oneOf("mode", Approve.String(), modeNames[:]...)))
	if n := t.values["values"]; n != nil {
		r.values = f.values(n)
	}
	if n := t.values["annotations"]; n != nil {
		f.annotate(r, n)
	}
	return r
}

func (f *ruleFile) values(n *yaml.Node) []valueDecl {
	t, ok := f.table(n, "values")
	if !ok {
		return nil
	}
	var list []valueDecl
	for _, key := range t.keys {
		if !identShape.MatchString(key.Value) {
			f.fail(f.mark(key), "letters, digits and _, not first a digit: templates say .Values.name", "%q can not be a value's name", key.Value)
			continue
		}
		if text := t.scalar(key.Value); text != nil {
			list = append(list, valueDecl{key.Value, text})
		}
	}
	return list
}

func (f *ruleFile) annotate(r *ruleDecl, n *yaml.Node) {
	t, ok := f.table(n, "annotations", "summary", "runbook")
	if !ok {
		return
	}
	r.summary = t.scalar("summary")
	if runbook := t.scalar("runbook"); runbook != nil {
		r.runbook = strings.TrimSpace(runbook.Value)
	}
}
