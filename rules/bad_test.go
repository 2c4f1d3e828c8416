package rules

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBadFiles: what people are told about each mistake, to the column. The
// golden text is reviewed as a diff.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.rules.yml")
	if err != nil || len(files) < 20 {
		t.Fatalf("want at least 20 files, got %d (%v)", len(files), err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".rules.yml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, problems := Load([]Source{{
				Team: "fraud", Targets: []string{"fraud-*"}, MaxMode: Auto,
				Files: []File{{Path: filepath.Base(path), Data: data}},
			}}, Options{Targets: []string{"fraud-scorer", "fraud-shadow", "payments"}})
			got := problems.Render()
			if got == "" {
				t.Fatal("nothing was found")
			}
			golden := strings.TrimSuffix(path, ".rules.yml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("run with -update and review the diff (-want +got):\n%s", diff)
			}
		})
	}
}
