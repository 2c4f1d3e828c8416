package files

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
	"golang.org/x/sys/unix"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/actions/actionstest"
)

// place is a directory with releases, a link and a service that reloads.
type place struct {
	dir     string
	made    int // releases so far; each is a minute younger
	oracle  int // inotify on the link's directory
	effects int
	service *service
}

// The versions before the suite's own are older than an hour ago.
var epoch = time.Now().Add(-24 * time.Hour).Truncate(time.Second)

func newPlace(t *testing.T, versions ...string) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	if err := os.MkdirAll(p.path("releases"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		p.add(t, v)
	}
	p.set(t, versions[len(versions)-1])
	p.service = newService(t, p)
	p.watch(t)
	return p
}

func (p *place) path(elem ...string) string {
	return filepath.Join(append([]string{p.dir}, elem...)...)
}

func (p *place) add(t *testing.T, version string) {
	t.Helper()
	dir := p.path("releases", version)
	for name, text := range map[string]string{"model.bin": "weights of " + version, "etc/conf.yml": "version: " + version} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.made++
	at := epoch.Add(time.Duration(p.made) * time.Minute)
	if err := os.Chtimes(dir, at, at); err != nil {
		t.Fatal(err)
	}
}

func (p *place) remove(t *testing.T, version string) {
	t.Helper()
	if err := os.RemoveAll(p.path("releases", version)); err != nil {
		t.Fatal(err)
	}
}

// set moves the link as another program would: without Ripcord's lock.
func (p *place) set(t *testing.T, version string) { t.Helper(); p.point(t, "releases/"+version) }

func (p *place) point(t *testing.T, target string) {
	t.Helper()
	tmp := p.path("foreign.tmp")
	if err := os.Symlink(target, tmp); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, p.path("current")); err != nil {
		t.Fatal(err)
	}
}

func (p *place) target(t *testing.T) string {
	t.Helper()
	target, err := os.Readlink(p.path("current"))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func (p *place) live(t *testing.T) string { t.Helper(); return filepath.Base(p.target(t)) }

func (p *place) watch(t *testing.T) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, p.dir, unix.IN_MOVED_TO|unix.IN_CREATE|unix.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	p.oracle = fd
}

// moves asks the kernel how often the link's name got another content.
func (p *place) moves(t *testing.T) int {
	t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(p.oracle, buf)
		if err != nil || n <= 0 {
			return p.effects
		}
		for at := 0; at < n; {
			size := int(buf[at+12]) | int(buf[at+13])<<8 // the event's name, padded
			name := strings.TrimRight(string(buf[at+unix.SizeofInotifyEvent:at+unix.SizeofInotifyEvent+size]), "\x00")
			if name == "current" {
				p.effects++
			}
			at += unix.SizeofInotifyEvent + size
		}
	}
}

// state is all of the place, with times.
func (p *place) state(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// service reloads what the link points at, when it is told to.
type service struct {
	*httptest.Server
	status  atomic.Int32 // of the answers to reload; 0: 200
	lag     atomic.Bool  // it answers, but goes on serving what it did
	hang    chan struct{}
	mu      sync.Mutex
	version string
	told    int
}

func newService(t *testing.T, p *place) *service {
	t.Helper()
	s := &service{version: p.live(t)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		hang := s.hang
		s.mu.Unlock()
		if hang != nil {
			<-hang
		}
		if status := int(s.status.Load()); status != 0 {
			w.Header().Set("Location", s.URL+"/elsewhere")
			w.WriteHeader(status)
			return
		}
		target, _ := os.Readlink(p.path("current"))
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told++
		if !s.lag.Load() {
			s.version = filepath.Base(target)
		}
	})
	mux.HandleFunc("POST /elsewhere", func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	mux.HandleFunc("GET /about", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprintf(w, `{"model":{"version":%q}}`, s.version)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *service) reloads() int { s.mu.Lock(); defer s.mu.Unlock(); return s.told }

func (s *service) stall() (heal func()) {
	release := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang = release
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.hang = nil
		s.mu.Unlock()
		close(release)
	})
}

func (p *place) open(t *testing.T, more string) *Link {
	t.Helper()
	a, err := New(configured(t, p.dir, "link: current\nreleases: releases\n"+strings.ReplaceAll(more, "SERVICE", p.service.URL)))
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Link)
}

func configured(t *testing.T, dir, text string) actions.Settings {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return actions.NewSettings(doc.Content[0], dir)
}

func (p *place) bench(more string) actionstest.Bench {
	b := actionstest.Bench{
		Open: func(t *testing.T) actions.Action { t.Helper(); return p.open(t, more) },
		Add:  p.add, Remove: p.remove, Set: p.set, Live: p.live, Effects: p.moves, State: p.state,
		Deny: p.deny, Busy: p.occupy,
	}
	if strings.Contains(more, "reload") {
		b.Hang = func(t *testing.T) func() {
			t.Helper()
			heal := p.service.stall()
			t.Cleanup(heal)
			return heal
		}
	}
	return b
}

// deny takes our rights away. Root has them whatever a mode says, so that the
// thread becomes somebody else in the eyes of file systems.
func (p *place) deny(t *testing.T) func() {
	t.Helper()
	if os.Getuid() != 0 {
		if err := os.Chmod(p.dir, 0o555); err != nil {
			t.Fatal(err)
		}
		return func() { _ = os.Chmod(p.dir, 0o755) }
	}
	runtime.LockOSThread()
	const nobody = 65534
	if _, err := unix.SetfsuidRetUid(nobody); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, _ = unix.SetfsuidRetUid(0)
		runtime.UnlockOSThread()
	}
}

// occupy holds the lock, as a move that goes on elsewhere does.
func (p *place) occupy(t *testing.T) func() {
	t.Helper()
	m, err := lockMark(t.Context(), p.open(t, "").markPath())
	if err != nil {
		t.Fatal(err)
	}
	return m.close
}
