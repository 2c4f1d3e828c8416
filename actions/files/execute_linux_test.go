package files

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ripcord-dev/ripcord/actions"
)

// A crash between the rename and the reload: the link is at To, nobody told the
// service. Only the reload is made up for.
func TestReloadIsMadeUpForAfterACrash(t *testing.T) {
	for name, earlier := range map[string]bool{"the first time here": false, "with the mark of an earlier move to the same release": true} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, "v1", "v2")
			l := p.open(t, reloads)
			s := plan(t, l, "v1")
			if earlier {
				if err := l.Execute(t.Context(), s, attempt("inc-0", 1)); err != nil {
					t.Fatal(err)
				}
				p.set(t, "v2")
				s = plan(t, l, "v1")
			}
			p.service.status.Store(http.StatusInternalServerError)
			effects, reloads0 := p.moves(t), p.service.reloads()
			wantCode(t, l.Execute(t.Context(), s, attempt("inc-1", 1)), actions.Unknown)

			l = p.open(t, reloads) // the restarted daemon
			if v := wantVerdict(t, l, s, actions.AtFrom); v.Seen != s.To || !strings.Contains(v.Text, "reload") {
				t.Errorf("verify saw %+v: %s", v.Seen, v.Text)
			}
			p.service.status.Store(0)
			for n := range 2 {
				if err := l.Execute(t.Context(), s, attempt("inc-1", uint64(n+2))); err != nil {
					t.Fatal(err)
				}
			}
			wantVerdict(t, l, s, actions.AtTo)
			if n, m := p.moves(t)-effects, p.service.reloads()-reloads0; n != 1 || m != 1 {
				t.Errorf("%d switches and %d reloads, want one of each", n, m)
			}
		})
	}
}

func TestAHalfWrittenMarkSaysNothing(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	l := p.open(t, reloads)
	s := plan(t, l, "v1")
	p.set(t, "v1")
	p.write(t, ".current.ripcord", `{"key":"inc-1/s/0","to":"v1","told":tr`)
	wantVerdict(t, l, s, actions.AtFrom)
	if err := l.Execute(t.Context(), s, attempt("inc-1", 1)); err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, l, s, actions.AtTo)
	if n := p.service.reloads(); n != 1 {
		t.Errorf("%d reloads, want 1", n)
	}
}

// The mark speaks of our own symlink: when somebody goes away and comes back, the
// service may have missed it.
func TestAMarkDoesNotSpeakOfAnotherLink(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	l := p.open(t, reloads)
	s := plan(t, l, "v1")
	if err := l.Execute(t.Context(), s, attempt("inc-1", 1)); err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, l, s, actions.AtTo)
	p.set(t, "v2")
	p.set(t, "v1")
	wantVerdict(t, l, s, actions.AtFrom)
}

func TestReloadRefused(t *testing.T) {
	for status, want := range map[int]actions.Code{
		http.StatusForbidden: actions.Denied, http.StatusUnauthorized: actions.Denied,
		http.StatusNotFound: actions.Permanent, http.StatusTemporaryRedirect: actions.Permanent,
		http.StatusServiceUnavailable: actions.Unknown, http.StatusTooManyRequests: actions.Unknown,
	} {
		p := newPlace(t, "v1", "v2")
		l := p.open(t, reloads)
		p.service.status.Store(int32(status))
		err := l.Execute(t.Context(), plan(t, l, "v1"), attempt("inc-1", 1))
		wantCode(t, err, want)
		if err == nil || !strings.Contains(err.Error(), "current is at v1, but") {
			t.Errorf("status %d: %v does not say that the link has moved", status, err)
		}
	}
}

func TestServedVersionDecides(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	l := p.open(t, reloads+serves)
	s := plan(t, l, "v1")
	p.service.lag.Store(true)
	if err := l.Execute(t.Context(), s, attempt("inc-1", 1)); err != nil {
		t.Fatal(err)
	}
	if v := wantVerdict(t, l, s, actions.Moving); !strings.Contains(v.Text, `"v2"`) {
		t.Errorf("verify does not say what is served: %s", v.Text)
	}
	p.service.mu.Lock()
	p.service.version = "v1"
	p.service.mu.Unlock()
	wantVerdict(t, l, s, actions.AtTo)
	p.service.Close()
	if v := wantVerdict(t, l, s, actions.Moving); !strings.Contains(v.Text, "not known") {
		t.Errorf("verify of a silent service: %s", v.Text)
	}
}

func TestVerifySeesAMoveThatGoesOn(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	l := p.open(t, reloads)
	s := plan(t, l, "v1")
	heal := p.service.stall()
	defer heal()
	done := make(chan error, 1)
	go func() { done <- l.Execute(t.Context(), s, attempt("inc-1", 1)) }()
	for p.live(t) != "v1" {
		time.Sleep(time.Millisecond)
	}
	wantVerdict(t, l, s, actions.Moving)
	heal()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, l, s, actions.AtTo)
}

func TestAnOvertakenOwnerIsRefused(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	l := p.open(t, "")
	s := plan(t, l, "v1")
	if err := l.Execute(t.Context(), s, attempt("inc-1", 7)); err != nil {
		t.Fatal(err)
	}
	p.set(t, "v2")
	before := p.moves(t)
	wantCode(t, l.Execute(t.Context(), s, attempt("inc-1", 6)), actions.Denied)
	if n := p.moves(t) - before; n != 0 {
		t.Errorf("%d effects of an overtaken owner", n)
	}
	other := attempt("inc-2", 1)
	if err := l.Execute(t.Context(), s, other); err != nil {
		t.Errorf("another incident has its own epochs: %v", err)
	}
}

func TestToChangedSinceThePlan(t *testing.T) {
	for name, linked := range map[string]bool{"before the move": false, "with the link there already": true} {
		p := newPlace(t, "v1", "v2")
		l := p.open(t, "")
		s := plan(t, l, "v1")
		p.write(t, "releases/v1/model.bin", "WEIGHTS of v1")
		if linked {
			p.set(t, "v1")
			wantVerdict(t, l, s, actions.Elsewhere)
		}
		before := p.moves(t)
		err := l.Execute(t.Context(), s, attempt("inc-1", 1))
		wantCode(t, err, actions.Drift)
		if n := p.moves(t) - before; n != 0 {
			t.Errorf("%s: %d effects", name, n)
		}
	}
}

// What the service writes into its release after our move is no drift.
func TestToChangedAfterTheMove(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	l := p.open(t, "")
	s := plan(t, l, "v1")
	if err := l.Execute(t.Context(), s, attempt("inc-1", 1)); err != nil {
		t.Fatal(err)
	}
	p.write(t, "releases/v1/cache.db", "rows")
	wantVerdict(t, l, s, actions.AtTo)
	if err := l.Execute(t.Context(), s, attempt("inc-1", 2)); err != nil {
		t.Error(err)
	}
}

func TestALinkThatIsNoneAnyMoreIsDrift(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	l := p.open(t, "")
	s := plan(t, l, "v1")
	p.point(t, "/etc")
	wantCode(t, l.Execute(t.Context(), s, attempt("inc-1", 1)), actions.Drift)
	if v := wantVerdict(t, l, s, actions.Elsewhere); v.Seen.Rev != "/etc" {
		t.Errorf("verify saw %+v", v.Seen)
	}
	if err := os.Remove(p.path("current")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, l.Execute(t.Context(), s, attempt("inc-1", 1)), actions.Drift)
	wantVerdict(t, l, s, actions.Elsewhere)
}

// A step comes from a journal or from a network: its names are not trusted.
func TestAForgedStepCannotLeadOut(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	l := p.open(t, "")
	s := plan(t, l, "v1")
	s.To = actions.Revision{Rev: "../../etc"}
	before := p.moves(t)
	wantCode(t, l.Execute(t.Context(), s, attempt("inc-1", 1)), actions.Permanent)
	if n := p.moves(t) - before; n != 0 {
		t.Errorf("%d effects", n)
	}
}

// The link is compared once more right before the rename.
func TestAForeignChangeDuringTheMoveIsDrift(t *testing.T) {
	p := newPlace(t, "v1", "v2", "v3")
	l := p.open(t, "")
	s := plan(t, l, "v1")
	at, err := l.see()
	if err != nil {
		t.Fatal(err)
	}
	p.set(t, "v2")
	wantCode(t, l.point(s, at), actions.Drift)
	if live := p.live(t); live != "v2" {
		t.Errorf("live is %s, somebody set v2", live)
	}
	if _, err := os.Lstat(l.beside(".new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary link is still there: %v", err)
	}
}

func TestNothingIsLeftBeside(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	l := p.open(t, "")
	if err := os.Symlink("nowhere", l.beside(".new")); err != nil { // of a crash
		t.Fatal(err)
	}
	if err := l.Execute(t.Context(), plan(t, l, "v1"), attempt("inc-1", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(l.beside(".new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary link is still there: %v", err)
	}
}

func TestSignalReload(t *testing.T) {
	p := newPlace(t, "v1", "v2")
	more := "reload: {pid_file: app.pid, signal: USR1}\n"
	ready := p.path("ready")
	app := exec.Command("sh", "-c", `trap 'echo told >> "$1.told"' USR1; : > "$1"; while :; do sleep 0.02; done`, "sh", ready)
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Process.Kill(); _ = app.Wait() }()
	wait(t, ready)
	p.write(t, "app.pid", strconv.Itoa(app.Process.Pid)+"\n")
	l := p.open(t, more)
	s := plan(t, l, "v1")
	if !strings.Contains(s.Text, "SIGUSR1") {
		t.Errorf("the step does not say what it does: %s", s.Text)
	}
	if err := l.Execute(t.Context(), s, attempt("inc-1", 1)); err != nil {
		t.Fatal(err)
	}
	wait(t, ready+".told")
	wantVerdict(t, l, s, actions.AtTo)
}

func wait(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	t.Fatalf("%s does not appear", path)
}

func TestPIDFile(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		want actions.Code
	}{
		"a process that has ended": {strconv.Itoa(gone.Process.Pid), actions.Unknown},
		"init":                     {"1", actions.Permanent},
		"every process":            {"-1", actions.Permanent},
		"our group":                {"0", actions.Permanent},
		"ourselves":                {strconv.Itoa(os.Getpid()), actions.Permanent},
		"no number":                {"app", actions.Permanent},
		"nothing":                  {"", actions.Permanent},
	} {
		p := newPlace(t, "v1", "v2")
		p.write(t, "app.pid", c.text)
		h := &hangup{p.path("app.pid"), unix.SIGHUP}
		if got := actions.CodeOf(h.ready()); got != c.want {
			t.Errorf("%s: code %q, want %q", name, got, c.want)
		}
	}
	wantCode(t, (&hangup{"/nonexistent/app.pid", unix.SIGHUP}).ready(), actions.Unknown)
}

func TestCodesOfAFileSystem(t *testing.T) {
	for errno, want := range map[unix.Errno]actions.Code{
		unix.EACCES: actions.Denied, unix.EPERM: actions.Denied, unix.EROFS: actions.Denied,
		unix.ENOSPC: actions.Retry, unix.EDQUOT: actions.Retry, unix.EIO: actions.Retry, unix.EMFILE: actions.Retry,
		unix.ENOENT: actions.Permanent, unix.ENOTDIR: actions.Permanent, unix.ENAMETOOLONG: actions.Permanent,
	} {
		err := coded(&os.PathError{Op: "rename", Path: "/srv/current", Err: errno})
		if got := actions.CodeOf(err); got != want {
			t.Errorf("%v: code %q, want %q", errno, got, want)
		}
	}
	if coded(nil) != nil {
		t.Error("no error has become one")
	}
}
