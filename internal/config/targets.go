package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/rules"
)

// Target is what can be rolled back, how, and who may say so.
type Target struct {
	// Mode is the ceiling for the target's rules; observe when not given.
	Mode        rules.Mode
	Approve     Approval
	Attribution time.Duration
	Veto        time.Duration
	Stages      []Stage
	// Identity is the id of the step whose look is the truth of the ledger: by
	// default the first step of the last stage. Empty without stages.
	Identity string
	Runbook  string
}

// Approval is who may approve.
type Approval struct {
	// From are names of people or group:<name>; empty means nobody.
	From    []string
	Quorum  int
	Self    bool // the one who made the release may approve
	Expires time.Duration
}

// Stage is one rung of the ladder.
type Stage struct {
	Name           string
	Stable, Within time.Duration // of the verification
	Timeout        time.Duration // of one attempt at one step
	Steps          []Step
}

// Step is one configured step. Its id is <stage>/<index>, counted from 0.
type Step struct {
	ID, Kind string
	Settings actions.Settings
}

func defaultTarget() Target {
	return Target{
		Approve:     Approval{Quorum: 1, Expires: 15 * time.Minute},
		Attribution: 72 * time.Hour,
		Veto:        5 * time.Minute,
	}
}

func (r *reader) targets(n *node, cfg *Config) {
	r.each(n, "targets", func(key, value *node) {
		if !r.isName(key) {
			return
		}
		if strings.HasPrefix(key.Value, "_") {
			r.errorAt(key, "names with a leading _ are Ripcord's own", "a target can not be called %q", key.Value)
			return
		}
		t := defaultTarget()
		r.target(key, value, &t, cfg)
		cfg.Targets[key.Value] = t
	})
}

func (r *reader) target(key, value *node, t *Target, cfg *Config) {
	what := "the target " + key.Value
	var identity *node
	r.fields(value, what, fields{
		"mode":        r.mode(&t.Mode),
		"approve":     func(n *node) { r.approval(n, &t.Approve, cfg) },
		"attribution": func(n *node) { r.fields(n, "attribution", fields{"within": r.duration(&t.Attribution, time.Second)}) },
		"veto":        func(n *node) { r.fields(n, "veto", fields{"window": r.duration(&t.Veto, time.Second)}) },
		"stages":      func(n *node) { r.stages(n, t) },
		"identity":    func(n *node) { identity = n; r.text(&t.Identity)(n) },
		"runbook":     r.text(&t.Runbook),
	})
	r.identity(identity, t)
	if t.Mode > rules.Observe && len(t.Stages) == 0 {
		r.errorAt(key, "add stages with steps, or set mode: observe", "%s has mode %s and no stages: nothing could be done", what, t.Mode)
	}
	if t.Mode >= rules.Approve && len(t.Approve.From) == 0 {
		r.warnAt(key, "add approve: {from: [group:oncall]}", "nobody can approve for %s: approve.from is empty", what)
	}
}

// identity checks the step that was named, or takes the default.
func (r *reader) identity(n *node, t *Target) {
	var ids []string
	for _, s := range t.Stages {
		for _, step := range s.Steps {
			ids = append(ids, step.ID)
		}
	}
	switch {
	case t.Identity == "" && len(t.Stages) > 0:
		if last := t.Stages[len(t.Stages)-1]; len(last.Steps) > 0 {
			t.Identity = last.Steps[0].ID
		}
	case t.Identity != "" && !slices.Contains(ids, t.Identity):
		r.errorAt(n, "a step's id is <stage>/<index>, counted from 0: "+strings.Join(ids, ", "), "no step has the id %q", t.Identity)
	}
}

func (r *reader) approval(n *node, a *Approval, cfg *Config) {
	r.fields(n, "approve", fields{
		"from":    func(n *node) { r.items(n, "from", func(item *node) { r.approver(item, a, cfg) }) },
		"quorum":  r.integer(&a.Quorum, 1, 10),
		"self":    r.boolean(&a.Self),
		"expires": r.duration(&a.Expires, time.Second),
	})
	r.later = append(r.later, func() { r.quorum(n, a, cfg) })
}

// approver reads a person's name or group:<name>, which must exist.
func (r *reader) approver(n *node, a *Approval, cfg *Config) {
	s, ok := r.scalar(n, "a person's name or group:<name>")
	if !ok {
		return
	}
	a.From = append(a.From, s)
	r.later = append(r.later, func() {
		group, isGroup := strings.CutPrefix(s, "group:")
		known := cfg.Groups()
		if !isGroup {
			known = sortedKeys(cfg.People)
		}
		if slices.Contains(known, group) {
			return
		}
		what, where := "person", "people"
		if isGroup {
			what, where = "group", "the groups of people"
		}
		hint := fmt.Sprintf("add it to %s; known: %s", where, strings.Join(known, ", "))
		if near := diag.Nearest(group, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", strings.TrimSuffix(s, group)+near)
		} else if !isGroup && slices.Contains(cfg.Groups(), group) {
			hint = fmt.Sprintf("a group is written %q", "group:"+group)
		}
		r.errorAt(n, hint, "no %s is called %q", what, group)
	})
}

// quorum warns of one that can never be reached.
func (r *reader) quorum(n *node, a *Approval, cfg *Config) {
	able := make(map[string]bool)
	for name, p := range cfg.People {
		for _, from := range a.From {
			group, isGroup := strings.CutPrefix(from, "group:")
			if from == name || (isGroup && slices.Contains(p.Groups, group)) {
				able[name] = true
			}
		}
	}
	if len(able) > 0 && len(able) < a.Quorum {
		r.warnAt(n, "lower quorum or name more people", "quorum is %d, and only %d can approve", a.Quorum, len(able))
	}
}

func (r *reader) stages(n *node, t *Target) {
	taken := make(map[string]bool)
	r.items(n, "stages", func(item *node) {
		s := Stage{Stable: time.Minute, Within: 5 * time.Minute, Timeout: 30 * time.Second}
		r.fields(item, "the stage", fields{
			"name":    func(n *node) { r.uniqueName(n, &s.Name, taken, "stage of this target") },
			"verify":  func(n *node) { r.verify(n, &s) },
			"timeout": r.duration(&s.Timeout, 100*time.Millisecond),
			"steps":   func(*node) {}, // after the name, of which their ids are made
		})
		r.required(item, "the stage", "name", "steps")
		if steps := valueOf(item, "steps"); steps != nil {
			r.steps(steps, &s)
		}
		t.Stages = append(t.Stages, s)
	})
}

func (r *reader) verify(n *node, s *Stage) {
	r.fields(n, "verify", fields{
		"stable": r.duration(&s.Stable, 0),
		"within": r.duration(&s.Within, time.Second),
	})
	if s.Stable >= s.Within {
		r.errorAt(n, "raise within or lower stable", "within (%s) must be longer than stable (%s): it could never be reached", s.Within, s.Stable)
	}
}

func (r *reader) steps(n *node, s *Stage) {
	r.items(n, "steps", func(item *node) {
		if !r.isMapping(item, "the step") {
			return
		}
		step := Step{ID: fmt.Sprintf("%s/%d", s.Name, len(s.Steps))}
		r.required(item, "the step", "kind")
		if kind := valueOf(item, "kind"); kind != nil {
			r.text(&step.Kind)(kind)
		}
		step.Settings = actions.NewSettings(without(item, "kind"), r.dir)
		s.Steps = append(s.Steps, step)
	})
	if len(s.Steps) == 0 {
		r.errorAt(n, "add - {kind: …}", "the stage has no steps")
	}
}

// without is the mapping without one key; the nodes keep their places.
func without(n *node, key string) *node {
	rest := *n
	rest.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			rest.Content = append(rest.Content, n.Content[i], n.Content[i+1])
		}
	}
	return &rest
}

// Steps are the configured steps of a target, in the order of the ladder.
func (c *Config) Steps(target string) []Step {
	var steps []Step
	for _, s := range c.Targets[target].Stages {
		steps = append(steps, s.Steps...)
	}
	return steps
}

// Identities are the ids of the identity steps, by target; a target without
// stages has none.
func (c *Config) Identities() map[string]string {
	ids := make(map[string]string, len(c.Targets))
	for name, t := range c.Targets {
		if t.Identity != "" {
			ids[name] = t.Identity
		}
	}
	return ids
}

// Policies are the targets' policies as the engine takes them.
func (c *Config) Policies() map[string]incident.Policy {
	policies := make(map[string]incident.Policy, len(c.Targets))
	for name, t := range c.Targets {
		policies[name] = c.policy(name, t)
	}
	return policies
}

func (c *Config) policy(name string, t Target) incident.Policy {
	p := incident.Policy{
		Target: name, Mode: t.Mode,
		Approvers: slices.Clone(t.Approve.From), Quorum: t.Approve.Quorum, Self: t.Approve.Self, Expires: t.Approve.Expires,
		Veto: t.Veto, Attribution: t.Attribution,
		Guards: incident.Guards{
			Cooldown: c.Guards.Cooldown, PerTarget: c.Guards.PerTarget,
			MaxEventAge: c.Guards.MaxEventAge, KnownGoodAfter: c.Guards.KnownGoodAfter,
		},
	}
	for _, s := range t.Stages {
		stage := incident.Stage{Name: s.Name, Stable: s.Stable, Within: s.Within}
		for _, step := range s.Steps {
			stage.Steps = append(stage.Steps, incident.StepRef{ID: step.ID, Kind: step.Kind, Timeout: s.Timeout})
		}
		p.Stages = append(p.Stages, stage)
	}
	return p
}
