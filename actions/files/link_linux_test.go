package files

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/actions/actionstest"
)

const (
	reloads = "reload: {url: SERVICE/reload, timeout: 2s}\n"
	serves  = "served: {url: SERVICE/about, json: model.version}\n"
)

func TestConformance(t *testing.T) {
	for name, more := range map[string]string{
		"link alone":                       "",
		"with a reload":                    reloads,
		"with a reload and what is served": reloads + serves,
		"with versions in a file":          "version_from: {file: VERSION}\n" + reloads,
	} {
		t.Run(name, func(t *testing.T) {
			actionstest.Run(t, func(t *testing.T) actionstest.Bench {
				t.Helper()
				p := newPlace(t, actionstest.Versions()...)
				b := p.bench(more)
				if strings.Contains(more, "VERSION") {
					p.label(t, actionstest.Versions()...)
					b.Add = func(t *testing.T, version string) { t.Helper(); p.add(t, version); p.label(t, version) }
				}
				return b
			})
		})
	}
}

// label writes the version file of releases.
func (p *place) label(t *testing.T, versions ...string) {
	t.Helper()
	for _, v := range versions {
		p.name(t, v, v+"\n")
	}
}

// name writes a version file and leaves the release as old as it was.
func (p *place) name(t *testing.T, release, text string) {
	t.Helper()
	dir := p.path("releases", release)
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "releases/"+release+"/VERSION", text)
	if err := os.Chtimes(dir, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

func (p *place) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func plan(t *testing.T, l *Link, to string) actions.Step {
	t.Helper()
	s, err := l.Plan(t.Context(), actions.Request{Target: "scorer", Incident: "inc-1", StepID: "s/0", To: to})
	if err != nil {
		t.Fatalf("plan %s: %v", to, err)
	}
	return s
}

func attempt(incident string, epoch uint64) actions.Attempt {
	return actions.Attempt{
		Incident: incident, Key: incident + "/s/0", N: 1,
		Token: actions.Fence{Incarnation: "here", Epoch: epoch}, Deadline: time.Now().Add(time.Minute),
	}
}

func wantVerdict(t *testing.T, l *Link, s actions.Step, want actions.Place) actions.Verdict {
	t.Helper()
	v, err := l.Verify(t.Context(), s)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	if v.Place != want {
		t.Errorf("verify says %s (%s), want %s", v.Place, v.Text, want)
	}
	return v
}

func wantCode(t *testing.T, err error, want actions.Code) {
	t.Helper()
	if got := actions.CodeOf(err); got != want {
		t.Errorf("error %v has code %q, want %q", err, got, want)
	}
}

func TestTheLinkStaysAsItWasSpelled(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"relative":             {"releases/v2", "releases/v1"},
		"absolute":             {"DIR/releases/v2", "DIR/releases/v1"},
		"through another link": {"alias/v2", "alias/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, "v1", "v2")
			if err := os.Symlink("releases", p.path("alias")); err != nil {
				t.Fatal(err)
			}
			p.point(t, strings.ReplaceAll(c.before, "DIR", p.dir))
			l := p.open(t, "")
			if err := l.Execute(t.Context(), plan(t, l, "v1"), attempt("inc-1", 1)); err != nil {
				t.Fatal(err)
			}
			if got, want := p.target(t), strings.ReplaceAll(c.after, "DIR", p.dir); got != want {
				t.Errorf("link is %s, want %s", got, want)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(t *testing.T, p *place)
		ledger  actions.Revision
		want    string
	}{
		"a link that does not exist": {func(_ *testing.T, p *place) { os.Remove(p.path("current")) }, actions.Revision{}, "no such link"},
		"a directory in the link's place": {func(t *testing.T, p *place) {
			t.Helper()
			os.Remove(p.path("current"))
			if err := os.Mkdir(p.path("current"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, actions.Revision{}, "not a symlink"},
		"a link that leads elsewhere": {func(t *testing.T, p *place) { t.Helper(); p.point(t, "/etc") }, actions.Revision{}, "not directly in"},
		"a link into a release":       {func(t *testing.T, p *place) { t.Helper(); p.point(t, "releases/v2/etc") }, actions.Revision{}, "not directly in"},
		"a link to the releases":      {func(t *testing.T, p *place) { t.Helper(); p.point(t, "releases/..") }, actions.Revision{}, "not directly in"},
		"a release that is a symlink": {func(t *testing.T, p *place) {
			t.Helper()
			p.remove(t, "v1")
			if err := os.Symlink("/etc", p.path("releases", "v1")); err != nil {
				t.Fatal(err)
			}
		}, actions.Revision{}, "no directory"},
		"a release that was changed since": {
			func(t *testing.T, p *place) { t.Helper(); p.write(t, "releases/v1/model.bin", "other weights") },
			actions.Revision{Rev: "v1", Digest: "sha256:aaaa"},
			"not what it was",
		},
		"a ledger that has another release for it": {func(*testing.T, *place) {}, actions.Revision{Rev: "v0"}, "v0"},
		"a ledger that leads out":                  {func(*testing.T, *place) {}, actions.Revision{Rev: "../v1"}, "no name"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, "v0", "v1", "v2")
			c.arrange(t, p)
			_, err := p.open(t, "").Plan(t.Context(), actions.Request{StepID: "s/0", To: "v1", ToRev: c.ledger})
			wantCode(t, err, actions.Permanent)
			if err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
		})
	}
}

func TestPlanLeavesAReleaseThatIsGone(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	p.remove(t, "v2")
	l := p.open(t, "")
	s := plan(t, l, "v1")
	if s.From != (actions.Revision{Rev: "v2"}) {
		t.Errorf("from %+v", s.From)
	}
	if err := l.Execute(t.Context(), s, attempt("inc-1", 1)); err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, l, s, actions.AtTo)
}

func TestVersionFile(t *testing.T) {
	p := newPlace(t, "20261123", "20261124", "20261125")
	p.name(t, "20261123", "v41\n")
	p.name(t, "20261124", "v42\nbuilt by ci\n")
	p.name(t, "20261125", "v43\n")
	l := p.open(t, "version_from: {file: VERSION}\n"+reloads+serves)
	s := plan(t, l, "v42")
	if s.To.Rev != "20261124" {
		t.Errorf("v42 is %+v", s.To)
	}
	sight, err := l.Look(t.Context())
	if err != nil || sight.Live.Version != "v43" || len(sight.Earlier) != 2 || sight.Earlier[0].Version != "v42" {
		t.Errorf("look sees %+v, error %v", sight, err)
	}
	p.name(t, "20261123", "v42\n")
	_, err = l.Plan(t.Context(), actions.Request{To: "v42"})
	wantCode(t, err, actions.Permanent)
	if err == nil || !strings.Contains(err.Error(), "20261123") || !strings.Contains(err.Error(), "20261124") {
		t.Errorf("two releases of one version: %v", err)
	}
	if s, err = l.Plan(t.Context(), actions.Request{To: "v42", ToRev: actions.Revision{Rev: "20261124"}}); err != nil || s.To.Rev != "20261124" {
		t.Errorf("with the ledger's release: %+v, error %v", s.To, err)
	}
	_, err = l.Plan(t.Context(), actions.Request{To: "v99"})
	if err == nil || !strings.Contains(err.Error(), "v43") {
		t.Errorf("a version that no release has: %v", err)
	}
}

func TestLookLeavesOutWhatWasNeverLive(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	p.add(t, "v3") // staged: made after v2, never linked
	if err := os.Mkdir(p.path("releases", ".tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.write(t, "releases/README", "no release")
	sight, err := p.open(t, "").Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sight.Live.Version != "v2" || sight.Live.Since.IsZero() || sight.Live.Revision.Digest == "" {
		t.Errorf("live is %+v", sight.Live)
	}
	if len(sight.Earlier) != 1 || sight.Earlier[0].Version != "v1" {
		t.Errorf("earlier are %+v, want v1", sight.Earlier)
	}
}

func TestDrill(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	p.write(t, "app.pid", "none")
	for name, c := range map[string]struct {
		more, to string
		ready    bool
		want     string
	}{
		"all is there":            {reloads, "v1", true, "v1"},
		"the version is gone":     {reloads, "v0", false, "v0 is gone"},
		"nobody there to be told": {"reload: {pid_file: app.pid, signal: HUP}", "v1", false, "app.pid"},
	} {
		report, err := p.open(t, c.more).Drill(t.Context(), actions.Request{To: c.to})
		if err != nil || report.Ready != c.ready || !strings.Contains(report.Text, c.want) {
			t.Errorf("%s: %+v, error %v", name, report, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report, err := p.open(t, "").Drill(ctx, actions.Request{To: "v1"}); err == nil && !report.Ready {
		t.Errorf("a cancelled drill says that the place is not ready: %+v", report)
	}
}
