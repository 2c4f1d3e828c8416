package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/rules"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Every mistake is told with its place, a caret and a hint, all of a file at once.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d bad files (%v), want at least 20", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, problems := Parse("ripcord.yml", data)
			if cfg != nil || problems.Err() == nil {
				t.Errorf("the file was taken: %+v", cfg)
			}
			golden(t, strings.TrimSuffix(file, ".yml")+".txt", problems.Render())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the messages differ (-want +got; -update rewrites them):\n%s", diff)
	}
}

func TestFullFile(t *testing.T) {
	cfg, problems := LoadFile("testdata/full.yml")
	if len(problems) > 0 {
		t.Fatalf("problems:\n%s", problems.Render())
	}
	want := incident.Policy{
		Target: "fraud-scorer", Mode: rules.Auto,
		Approvers: []string{"group:ml-oncall", "ben"}, Quorum: 1, Expires: 15 * time.Minute,
		Veto: 5 * time.Minute, Attribution: 72 * time.Hour,
		Stages: []incident.Stage{
			{Name: "traffic", Stable: time.Minute, Within: 5 * time.Minute, Steps: []incident.StepRef{
				{ID: "traffic/0", Kind: "webhook", Timeout: 30 * time.Second},
			}},
			{Name: "artifact", Stable: time.Minute, Within: 5 * time.Minute, Steps: []incident.StepRef{
				{ID: "artifact/0", Kind: "files/link", Timeout: 30 * time.Second},
				{ID: "artifact/1", Kind: "webhook", Timeout: 30 * time.Second},
			}},
		},
		Guards: incident.Guards{
			Cooldown: 30 * time.Minute, PerTarget: incident.Rate{N: 2, Per: 24 * time.Hour},
			MaxEventAge: 2 * time.Minute, KnownGoodAfter: time.Hour,
		},
	}
	if diff := cmp.Diff(want, cfg.Policies()["fraud-scorer"]); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	if got := cfg.Identities()["fraud-scorer"]; got != "artifact/0" {
		t.Errorf("identity = %q", got)
	}
	if got := cfg.RuleSources[0].Path; got != "testdata/rules/fraud/*.rules.yml" {
		t.Errorf("a relative path came out as %q", got)
	}
	if got := cfg.Groups(); !cmp.Equal(got, []string{"ml-oncall", "release-team"}) {
		t.Errorf("groups = %q", got)
	}
	if !cfg.KnownTarget("fraud-scorer") || cfg.KnownTarget("fraud") {
		t.Error("KnownTarget does not know the targets")
	}
}

// What full.yml calls a default is what a file without it gives.
func TestFullFileTellsTheDefaults(t *testing.T) {
	data, err := os.ReadFile("testdata/full.yml")
	if err != nil {
		t.Fatal(err)
	}
	full, _ := Parse("x/ripcord.yml", data)
	var kept []string
	for _, line := range strings.Split(string(data), "\n") {
		if strings.Contains(line, "# default") {
			continue
		}
		kept = append(kept, line)
	}
	less, problems := Parse("x/ripcord.yml", []byte(strings.Join(kept, "\n")))
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(full, less, cmp.AllowUnexported(Secret{}), cmp.Comparer(func(a, b Step) bool { return a.ID == b.ID && a.Kind == b.Kind })); diff != "" {
		t.Errorf("defaults (-written +left out):\n%s", diff)
	}
}

func TestEmptyFileIsUsable(t *testing.T) {
	for _, data := range []string{"", "# nothing yet\n", "web:\n", "---\n"} {
		cfg, problems := Parse("/etc/ripcord/ripcord.yml", []byte(data))
		if len(problems) > 0 {
			t.Fatalf("%q: %s", data, problems.Render())
		}
		if cfg.Web.Listen != "127.0.0.1:9413" || cfg.Data.Dir != "/etc/ripcord/data" || cfg.SwitchFile != "/etc/ripcord/data/FREEZE" {
			t.Errorf("%q: %+v", data, cfg)
		}
		if len(cfg.Policies()) != 0 || len(cfg.TargetNames()) != 0 {
			t.Errorf("%q has targets", data)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"a target that asks and names nobody", "targets: {api: {mode: approve, stages: [{name: a, steps: [{kind: exec}]}]}}", "nobody can approve"},
		{"a quorum larger than those who may", "people: {ana: {}}\ntargets: {api: {approve: {from: [ana], quorum: 2}}}", "only 1 can approve"},
		{"a pattern that meets no target", "rule_sources: [{path: r.yml, team: t, targets: [pay-*]}]", "no configured target"},
		{"nats without a url", "nats: {replicas: 1, creds_file: a}", "has no effect"},
		{"allow_open beside tokens", "web: {tokens_file: t.yml, allow_open: true}", "has no effect"},
		{"an open API without a name", "web: {listen: ':9413', allow_open: true}", "as their host"},
		{"slack without a signing secret", "notify: [{kind: slack, channel: C1, bot_token_env: B}]", "nobody can approve in Slack"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, problems := Parse("ripcord.yml", []byte(c.file))
			if cfg == nil || len(problems) != 1 || problems[0].Severity != diag.Warning || !strings.Contains(problems[0].Message, c.want) {
				t.Errorf("config %v, problems:\n%s", cfg != nil, problems.Render())
			}
		})
	}
}

func TestOpenOffLoopbackOnlyWhenSaidSo(t *testing.T) {
	for _, c := range []struct {
		web  string
		fine bool
	}{
		{"{listen: '127.0.0.1:9413'}", true},
		{"{listen: 'localhost:9413'}", true},
		{"{listen: '[::1]:9413'}", true},
		{"{listen: '127.9.9.9:0'}", true},
		{"{listen: '0.0.0.0:9413'}", false},
		{"{listen: ':9413'}", false},
		{"{listen: '[::]:9413'}", false},
		{"{listen: '10.0.0.1:9413'}", false},
		{"{listen: 'ripcord:9413'}", false},
		{"{listen: ':9413', tokens_file: t.yml}", true},
		{"{listen: ':9413', allow_open: true}", true},
		{"{listen: ':9413', allow_open: false}", false},
	} {
		_, problems := Parse("ripcord.yml", []byte("web: "+c.web))
		if fine := problems.Err() == nil; fine != c.fine {
			t.Errorf("%s: taken %v, want %v\n%s", c.web, fine, c.fine, problems.Render())
		}
	}
}

func TestTooLarge(t *testing.T) {
	data := []byte("# " + strings.Repeat("x", MaxFile))
	if cfg, problems := Parse("ripcord.yml", data); cfg != nil || problems.Err() == nil {
		t.Error("Parse took a file over the cap")
	}
	file := filepath.Join(t.TempDir(), "ripcord.yml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, t.TempDir(), filepath.Join(t.TempDir(), "none.yml")} {
		if cfg, problems := LoadFile(path); cfg != nil || problems.Err() == nil {
			t.Errorf("LoadFile(%s) gave %v, %v", path, cfg, problems)
		}
	}
}

// A step's settings reach its kind without the key kind, strictly, with the
// directory that paths are meant from.
func TestStepSettings(t *testing.T) {
	cfg, problems := Parse("conf/ripcord.yml", []byte("targets: {api: {stages: [{name: link, steps: [{kind: files/link, link: cur, releases: rel}]}]}}"))
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	steps := cfg.Steps("api")
	if len(steps) != 1 || steps[0].ID != "link/0" || steps[0].Kind != "files/link" || steps[0].Settings.Dir() != "conf" {
		t.Fatalf("steps = %+v", steps)
	}
	var s struct{ Link, Releases string }
	if err := steps[0].Settings.Decode(&s); err != nil || s.Link != "cur" || s.Releases != "rel" {
		t.Errorf("settings = %+v, %v", s, err)
	}
	var short struct{ Link string }
	if err := steps[0].Settings.Decode(&short); err == nil {
		t.Error("a setting that the kind does not know was taken")
	}
}
