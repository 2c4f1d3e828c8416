package config

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// Whatever comes in, Parse answers: a Config, or an error with a place that is
// really in the file.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yml", "testdata/bad/*.yml", "testdata/tokens/*.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? {a: b}\n: c"))
	f.Add([]byte("targets: {a: {stages: [[[[{}]]]]}}"))
	f.Add([]byte("0:\n0"))
	f.Add([]byte("{nats: {url: tls://\xff}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, problems := Parse("ripcord.yml", data)
		if (cfg == nil) != (problems.Err() != nil) {
			t.Fatalf("config %v, error %v", cfg != nil, problems.Err())
		}
		lines := lineBreak.Split(string(data), -1)
		for _, p := range problems {
			if p.Line > len(lines) || (p.Line > 0 && p.Column > utf8.RuneCountInString(lines[p.Line-1])+1) {
				t.Errorf("%s: no such place", p.Error())
			}
		}
		_ = problems.Render()
		if cfg != nil {
			for name, policy := range cfg.Policies() {
				if policy.Quorum < 1 || policy.Expires <= 0 || !nameForm.MatchString(name) {
					t.Errorf("%s: %+v", name, policy)
				}
			}
		}
		_, _ = ParseTokens("tokens.yml", data, nil)
	})
}
