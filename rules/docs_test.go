package rules

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ripcord-dev/ripcord/internal/diag"
)

var yamlFence = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestDocExamples: what docs/RULES.md shows can be loaded. The first example is a
// whole file; the others are rules over its signals.
func TestDocExamples(t *testing.T) {
	page, err := os.ReadFile("../docs/RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	fences := yamlFence.FindAllSubmatch(page, -1)
	if len(fences) < 10 {
		t.Fatalf("found %d examples, want at least 10", len(fences))
	}
	whole := string(fences[0][1])
	signals, _, ok := strings.Cut(whole, "groups:\n")
	if !ok {
		t.Fatal("the first example is no whole file")
	}
	for i, fence := range fences {
		text := string(fence[1])
		if i > 0 {
			text = signals + "groups:\n- name: examples\n  target: fraud-scorer\n  rules:\n  " +
				strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
		}
		set, problems := Load(source(File{Path: "docs/RULES.md", Data: []byte(text)}), Options{Targets: []string{"fraud-scorer"}})
		for _, p := range problems {
			if p.Severity == diag.Error || !strings.Contains(p.Message, "24 h after the cut-over") {
				t.Errorf("example %d:\n%s", i+1, p.Render())
			}
		}
		if len(set.Rules("fraud-scorer")) == 0 {
			t.Errorf("example %d has no rule", i+1)
		}
	}
	for _, name := range functionNames() {
		heading := regexp.MustCompile(`(?m)^### .*\b` + name + `\b`)
		if !heading.Match(page) {
			t.Errorf("no section tells about %s", name)
		}
	}
}
