package rules

import (
	"fmt"
	"strings"
	"testing"
)

// tenThousand is 10,000 rules in 100 files, each file a group for one of 1,000
// targets' patterns.
func tenThousand() (files []File, targets []string) {
	for i := range 100 {
		var b strings.Builder
		fmt.Fprintf(&b, "signals:\n  p: {type: prediction, fields: {decision: string, ms: number, status: number}}\ngroups:\n- name: g%d\n  target: t%02d-*\n  rules:\n", i, i)
		for j := range 100 {
			fmt.Fprintf(&b, "  - rule: r%d\n    trigger: error_rate\n    if: |\n      share(p, status >= %d, \"1m\") > 0.05 and\n      p99(p, ms, \"2m\") > 1.5 * previous(p99(p, ms, \"2m\"))\n", j, 400+j)
			fmt.Fprintf(&b, "    for: 30s\n    values: {blocked: 'share(p, decision == \"block\", \"1m\")'}\n    annotations: {summary: \"{{ .Target }} blocks {{ percent .Values.blocked }}\"}\n")
		}
		files = append(files, File{Path: fmt.Sprintf("f%d.rules.yml", i), Data: []byte(b.String())})
		for j := range 10 {
			targets = append(targets, fmt.Sprintf("t%02d-%d", i, j))
		}
	}
	return files, targets
}

func TestLoad10kRules(t *testing.T) {
	files, targets := tenThousand()
	set := load(t, Options{Targets: targets}, source(files...))
	if got := len(set.Targets()); got != 1000 {
		t.Errorf("%d targets have rules, want 1,000", got)
	}
	p := set.program("t42-3")
	if len(p.rules) != 100 || len(p.slots) != 103 {
		t.Errorf("%d rules on %d slots, want 100 on 103", len(p.rules), len(p.slots))
	}
	if p != set.program("t42-4") {
		t.Error("two targets of one group have a program each")
	}
}

func BenchmarkLoad10k(b *testing.B) {
	files, targets := tenThousand()
	b.ReportAllocs()
	for b.Loop() {
		set, problems := Load(source(files...), Options{Targets: targets})
		if problems.Err() != nil || len(set.Targets()) != 1000 {
			b.Fatal(problems)
		}
	}
}

// BenchmarkEvaluate is one rule on one frame.
func BenchmarkEvaluate(b *testing.B) {
	p := loadOne(b, conditionSignals, `p99(p, ms, "2m") > 1.5 * previous(p99(p, ms, "2m")) and share(p, decision == "block", "1m") > 0.2`)
	all := []Reading{{Value: 412, N: 5000}, {Value: 200, N: 5000}, {Value: 0.4, N: 5000}}
	truths := make([]Truth, 3)
	var f frame
	b.ReportAllocs()
	for b.Loop() {
		if r := p.rules[0]; r.cond.eval(r.fill(&f, all, truths)) != True {
			b.Fatal("not TRUE")
		}
	}
}
