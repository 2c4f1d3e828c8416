package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/triggers"
)

const story = `# yaml-language-server: $schema=https://example.com/ripcord.rules.schema.json
signals:
  predictions: {type: prediction, fields: {decision: string, score: number, latency_ms: number, status: number}}
  payments:    {type: payment, fields: {outcome: string, amount: number}, delay: 5s, max_age: 2m}
  alerts:      {type: alert, fields: {alertname: string, severity: string}}
groups:
- name: fraud-scorer
  target: fraud-*
  interval: 5s
  rules:
  - rule: blocks-legit-customers
    trigger: performance_degradation
    if: |
      seq_share(predictions, decision == "block",
                {margin: 1.5}) // twice would be too late
    for: 0s
    min_samples: 100
    severity: critical
    mode: auto
    values: {blocked: 'share(predictions, decision == "block", "1m")', paid: 'sum(payments, amount, "15m")'}
    annotations:
      summary: "{{ .Target }} {{ .Version }} blocks {{ percent .Values.blocked }} of payments"
      runbook: docs/runbooks/fraud.md
  - rule: latency
    trigger: latency_spike
    if: p99(predictions, latency_ms, "2m") > 1.5 * previous(p99(predictions, latency_ms, "2m")) and p99(predictions, latency_ms, "2m") > 150
    for: 30s
    keep_firing_for: 2m
  - rule: errors
    trigger: error_rate
    if: share(predictions, status >= 500, "1m") > 0.05 or firing(alerts, alertname == "HighErrorRate")
    on_no_data: notify
`

func source(files ...File) []Source { return []Source{{Team: "fraud", MaxMode: Auto, Files: files}} }

func load(t testing.TB, opt Options, sources []Source) *Set {
	t.Helper()
	set, problems := Load(sources, opt)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestLoadCompilesTheStory(t *testing.T) {
	set := load(t, Options{Targets: []string{"fraud-scorer", "fraud-shadow", "payments"}},
		source(File{Path: "fraud.rules.yml", Data: []byte(story), Commit: "abc123"}))
	if diff := cmp.Diff([]string{"fraud-scorer", "fraud-shadow"}, set.Targets()); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	p := set.program("fraud-scorer")
	if p != set.program("fraud-shadow") {
		t.Error("targets of the same groups have programs of their own")
	}
	if set.program("payments") != nil || set.Rules("payments") != nil {
		t.Error("a target that no rule wants has a program")
	}
	calls := make([]string, len(p.slots))
	for i, s := range p.slots {
		calls[i] = s.call
	}
	if diff := cmp.Diff([]string{
		`seq_share(predictions, decision == "block", {margin: 1.5})`,
		`share(predictions, decision == "block", "1m")`,
		`sum(payments, amount, "15m")`,
		`p99(predictions, latency_ms, "2m")`,
		`previous(p99(predictions, latency_ms, "2m"))`,
		`share(predictions, status >= 500, "1m")`,
		`firing(alerts, alertname == "HighErrorRate")`,
	}, calls); diff != "" {
		t.Errorf("slots (-want +got):\n%s", diff)
	}
	var columns []string
	for _, s := range p.signals {
		for _, f := range s.fields {
			columns = append(columns, s.name+"."+f.name+" "+f.kind.String())
		}
	}
	if diff := cmp.Diff([]string{
		"predictions.decision string", "predictions.latency_ms number", "predictions.status number",
		"payments.amount number", "alerts.alertname string",
	}, columns); diff != "" {
		t.Errorf("only fields that somebody reads are columns (-want +got):\n%s", diff)
	}
	if pay := p.signals[p.byType["payment"][0]]; pay.delay != 5*time.Second || pay.maxAge != 2*time.Minute {
		t.Errorf("payments: delay %s, max_age %s", pay.delay, pay.maxAge)
	}
	checkStoryRules(t, p)
}

func checkStoryRules(t *testing.T, p *program) {
	t.Helper()
	blocks, latency, errors := p.rules[0], p.rules[1], p.rules[2]
	if blocks.Mode != Auto || blocks.Severity != "critical" || blocks.MinSamples != 100 || blocks.Interval != 5*time.Second ||
		blocks.KeepFiring != time.Minute || blocks.Commit != "abc123" || blocks.Line != 11 || blocks.runbook != "docs/runbooks/fraud.md" {
		t.Errorf("blocks-legit-customers is %+v", blocks)
	}
	seq := p.slots[0].seq
	if diff := cmp.Diff(seqOptions{margin: 1.5, alpha: 0.001, tick: 5 * time.Second, randomised: true}, seq, cmp.AllowUnexported(seqOptions{})); diff != "" {
		t.Errorf("seq_share's options (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{100, 1, 1}, blocks.floors); diff != "" {
		t.Errorf("min_samples and the functions' own minimums (-want +got):\n%s", diff)
	}
	if latency.For != 30*time.Second || latency.KeepFiring != 2*time.Minute || latency.Mode != Approve || latency.Severity != "warning" || latency.instant {
		t.Errorf("latency is %+v", latency)
	}
	if p.slots[3].arm != armCurrent || p.slots[4].arm != armPrevious || p.slots[4].q != 0.99 || p.slots[4].window != 2*time.Minute {
		t.Errorf("p99 is %+v, its previous %+v", p.slots[3], p.slots[4])
	}
	if !errors.instant || !errors.NotifyOnNoData || p.slots[6].timeout != defaultExpiry {
		t.Errorf("errors is %+v, firing %+v", errors, p.slots[6])
	}
	if diff := cmp.Diff([]float64{100, 0}, errors.floors); diff != "" {
		t.Errorf("alerts are no samples (-want +got):\n%s", diff)
	}
	text := blocks.summarize("fraud-scorer", "v42", "v41", map[string]Scalar{"blocked": {Value: 0.4}})
	if want := "fraud-scorer v42 blocks 40 % of payments"; text != want {
		t.Errorf("summary %q, want %q", text, want)
	}
	text = blocks.summarize("fraud-scorer", "v42", "v41", map[string]Scalar{"blocked": {State: Insufficient}})
	if want := "fraud-scorer v42 blocks unknown of payments"; text != want {
		t.Errorf("summary %q, want %q", text, want)
	}
}

func TestValuesAreArithmeticOverSlots(t *testing.T) {
	text := strings.Replace(story, `paid: 'sum(payments, amount, "15m")'`, `paid: '100 * share(predictions, decision == "block", "1m") / -sum(payments, amount, "15m")'`, 1)
	set := load(t, Options{Targets: []string{"fraud-scorer"}}, source(File{Path: "f", Data: []byte(text)}))
	r := set.Rules("fraud-scorer")[0]
	all := make([]Reading, len(set.program("fraud-scorer").slots))
	all[1], all[2] = Reading{Value: 0.4, N: 200}, Reading{Value: 20, N: 200}
	for _, want := range []struct {
		sum   float64
		value float64
		state State
	}{{20, -2, ""}, {0, 0, Insufficient}} {
		all[2].Value = want.sum
		v, state := r.values[1].eval(r.frame(all, make([]Truth, len(all))))
		if v != want.value || state != want.state {
			t.Errorf("with a sum of %v: %v %q, want %v %q", want.sum, v, state, want.value, want.state)
		}
	}
}

func TestEqualSlotsOfAllFilesAreOne(t *testing.T) {
	file := func(name, signals, group, condition string) File {
		return File{Path: name, Data: []byte(fmt.Sprintf("signals:\n  %s\ngroups:\n- name: %s\n  target: t\n  rules:\n  - {rule: %s, trigger: bias, if: '%s'}\n", signals, group, group, condition))}
	}
	set := load(t, Options{Targets: []string{"t"}}, source(
		file("a", "p: {type: prediction, fields: {x: number}}", "a", `count(p, x > 1.0, "60s") > 5`),
		file("b", "q: {type: prediction, fields: {x: number, y: string}}", "b", `2 * count(q, (x>1), "1m", {}) > 5 and avg(q, x, "1m") > 2`),
		file("c", "p: {type: prediction, fields: {x: number}, delay: 1s}", "c", `count(p, x > 1, "1m") > 5`),
		file("d", "p: {type: prediction, fields: {x: string}}", "d", `count(p, x != "", "1m") > 5`),
	))
	p := set.program("t")
	if len(p.slots) != 4 {
		t.Errorf("%d slots, want 4: one shared by a and b, one each of b, c and d", len(p.slots))
	}
	if len(p.signals) != 2 || len(p.signals[0].fields) != 2 {
		t.Errorf("%d signals, want 2: those that differ in delay; the first has %v, want x as number and as string", len(p.signals), p.signals[0].fields)
	}
	if diff := cmp.Diff([]int{0, 1, 3}, p.signals[0].slots); diff != "" {
		t.Errorf("slots of the first signal (-want +got):\n%s", diff)
	}
}

// The hash is a decision's identity: what changes no judgement must keep it.
func TestRuleHash(t *testing.T) {
	hashOf := func(change ...string) string {
		text := strings.NewReplacer(change...).Replace(story)
		set := load(t, Options{AnyTarget: true}, source(File{Path: "f", Data: []byte(text)}))
		return set.Rules("fraud-scorer")[0].Hash
	}
	base := hashOf()
	if len(base) != 16 {
		t.Errorf("hash %q, want 16 hex digits", base)
	}
	tests := []struct {
		name   string
		change []string
		keeps  bool
	}{
		{"an annotation", []string{"of payments", "of all"}, true},
		{"a value", []string{"'sum(payments, amount, \"15m\")'", "'sum(payments, amount, \"5m\")'"}, true},
		{"the severity and the mode", []string{"severity: critical", "severity: info", "mode: auto", "mode: veto"}, true},
		{"blanks and a comment", []string{"// twice would be too late", ""}, true},
		{"a default that is written out", []string{"{margin: 1.5}", `{mode: "bake", margin: 1.5}`}, true},
		{"a signal that it does not read", []string{"delay: 5s", "delay: 6s"}, true},
		{"the condition", []string{"margin: 1.5", "margin: 2"}, false},
		{"for", []string{"for: 0s", "for: 1s"}, false},
		{"min_samples", []string{"min_samples: 100", "min_samples: 101"}, false},
		{"the signal's type", []string{"type: prediction", "type: scored"}, false},
		{"its name: two rules of one condition decide twice", []string{"rule: blocks-legit-customers", "rule: other"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if keeps := hashOf(tt.change...) == base; keeps != tt.keeps {
				t.Errorf("keeps the hash: %v, want %v", keeps, tt.keeps)
			}
		})
	}
}

func TestModeIsUnderItsCeiling(t *testing.T) {
	sources := source(File{Path: "f", Data: []byte(story)})
	sources[0].MaxMode = Observe
	set, problems := Load(sources, Options{Targets: []string{"fraud-scorer"}})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	for _, r := range set.Rules("fraud-scorer") {
		if r.Mode != Observe {
			t.Errorf("%s has mode %s", r.Name, r.Mode)
		}
	}
	var lowered []int
	for _, p := range set.Warnings {
		if strings.Contains(p.Message, "ceiling") {
			lowered = append(lowered, p.Line)
		}
	}
	if diff := cmp.Diff([]int{19}, lowered); diff != "" {
		t.Errorf("only a mode that somebody wrote is worth a warning (-want +got):\n%s", diff)
	}
}

func TestAnyTargetCompilesOnFirstSight(t *testing.T) {
	sources := source(File{Path: "f", Data: []byte(story)})
	sources[0].Targets = []string{"fraud-s*"}
	set := load(t, Options{AnyTarget: true}, sources)
	if got := set.Targets(); len(got) != 0 {
		t.Errorf("targets before any was seen: %v", got)
	}
	if len(set.Rules("fraud-scorer")) != 3 || set.program("fraud-scorer") != set.program("fraud-shadow") {
		t.Error("fraud-scorer and fraud-shadow do not share three rules")
	}
	if set.program("fraud-live") != nil {
		t.Error("a target foreign to the source has a program")
	}
	if set.program("other") != nil {
		t.Error("a target that no rule wants has a program")
	}
	if diff := cmp.Diff([]string{"fraud-scorer", "fraud-shadow"}, set.Targets()); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

func TestAnErrorLeavesTheOtherGroupsIn(t *testing.T) {
	set, problems := Load(source(
		File{Path: "good", Data: []byte(story)},
		File{Path: "bad", Data: []byte(strings.ReplaceAll(strings.ReplaceAll(story, "decision ==", "decison =="), "rule: ", "rule: x-"))},
	), Options{Targets: []string{"fraud-scorer"}})
	if problems.Err() == nil {
		t.Fatal("no error")
	}
	for _, p := range problems {
		if p.File != "bad" && p.Severity == diag.Error {
			t.Errorf("an error in the good file: %v", p)
		}
	}
	if got := len(set.Rules("fraud-scorer")); got != 3 {
		t.Errorf("%d rules, want the three good ones", got)
	}
}

func TestSetHashChangesWithItsSources(t *testing.T) {
	hash := func(change func(*Source)) string {
		sources := source(File{Path: "f", Data: []byte(story)})
		change(&sources[0])
		set, _ := Load(sources, Options{AnyTarget: true})
		return set.Hash
	}
	base := hash(func(*Source) {})
	for name, change := range map[string]func(*Source){
		"bytes":   func(s *Source) { s.Files[0].Data = []byte(story + "\n") },
		"commit":  func(s *Source) { s.Files[0].Commit = "abc" },
		"ceiling": func(s *Source) { s.MaxMode = Veto },
		"targets": func(s *Source) { s.Targets = []string{"fraud-*"} },
	} {
		if hash(change) == base {
			t.Errorf("another %s, the same hash", name)
		}
	}
	if hash(func(*Source) {}) != base {
		t.Error("the same sources, another hash")
	}
}

func TestEveryKindOfFieldReachesItsColumn(t *testing.T) {
	p := loadOne(t, eventSignals, `count(s, n > 1 and a == "x" and f, "1m") > 1`)
	want := []field{{"n", triggers.Number}, {"a", triggers.String}, {"f", triggers.Bool}}
	if diff := cmp.Diff(want, p.signals[0].fields, cmp.AllowUnexported(field{})); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}
