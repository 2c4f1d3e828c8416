package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ripcord-dev/ripcord/internal/config"
)

const exampleDir = "../../examples/fraud-scorer/"

func TestTheExampleLoadsAndItsRulesPass(t *testing.T) {
	cfg, problems := config.LoadFile(exampleDir + "ripcord.yml")
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	if cfg.Targets["fraud-scorer"].Stages[0].Steps[0].Kind != "files/link" {
		t.Errorf("the target is %+v", cfg.Targets["fraud-scorer"])
	}
	var out, errs strings.Builder
	if code := Main([]string{"check", "--config", exampleDir + "ripcord.yml"}, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Errorf("check ends with %d:\n%s", code, errs.String())
	}
	if out.String() != "ok: 3 rules\n" {
		t.Errorf("check says %q", out.String())
	}
}

var shell = regexp.MustCompile("(?s)```sh\n(.*?)```")

// Every command line of the example's README is one that the command line takes:
// each exists, and its flags and arguments are right.
func TestTheExamplesCommandsAreRight(t *testing.T) {
	text, err := os.ReadFile(filepath.Clean(exampleDir + "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, block := range shell.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			words := splitQuoted(strings.TrimSpace(line))
			if len(words) == 0 || words[0] != "ripcord" {
				continue
			}
			n++
			c, rest, err := (&env{}).root().Find(words[1:])
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err == nil && c.Args != nil {
				err = c.Args(c, c.Flags().Args())
			}
			if err != nil || !c.HasParent() {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d commands, want all of them", n)
	}
}

// splitQuoted splits as the shell does, as far as the README needs it.
func splitQuoted(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}
