package remote

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/actions/actionstest"
	"github.com/ripcord-dev/ripcord/actions/files"
)

func TestWebhookConformance(t *testing.T) {
	actionstest.Run(t, func(t *testing.T) actionstest.Bench {
		t.Helper()
		return newFake(t, actionstest.Versions()...).bench()
	})
}

func TestFilesBehindWebhookConformance(t *testing.T) {
	actionstest.Run(t, func(t *testing.T) actionstest.Bench { t.Helper(); return newBehind(t).bench() })
}

// Every fault of the suite is had by a kind that can have it.
func TestEveryFaultIsExercised(t *testing.T) {
	covered := map[string]bool{}
	for _, b := range []actionstest.Bench{newFake(t, actionstest.Versions()...).bench(), newBehind(t).bench()} {
		for fault, has := range b.Coverage() {
			covered[fault] = covered[fault] || has
		}
	}
	for fault, has := range covered {
		if !has {
			t.Errorf("no kind exercises: %s", fault)
		}
	}
}

// behind is files/link served by Handler: the link of a directory whose service
// counts how often it was told that its release is another one.
type behind struct {
	dir    string
	server *httptest.Server
	made   int
	hang   atomic.Pointer[chan struct{}]
	mu     sync.Mutex
	seen   string
	moves  int
}

func newBehind(t *testing.T) *behind {
	t.Helper()
	b := &behind{dir: t.TempDir()}
	for _, v := range actionstest.Versions() {
		b.add(t, v)
		b.set(t, v)
	}
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		b.count()
		if hang := b.hang.Load(); hang != nil {
			<-*hang
		}
	}))
	t.Cleanup(service.Close)
	link, err := files.New(configured(t, b.dir, "link: current\nreleases: releases\nreload: {url: '"+service.URL+"', timeout: 5s}\n"))
	if err != nil {
		t.Fatal(err)
	}
	b.server = httptest.NewServer(http.StripPrefix("/hook", Handler(link)))
	t.Cleanup(b.server.Close)
	return b
}

// count notes when the link is another one than at the last look. Every move of
// ours is followed by a reload, which looks.
func (b *behind) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, _ := os.Readlink(filepath.Join(b.dir, "current"))
	if now != b.seen {
		b.seen = now
		b.moves++
	}
	return b.moves
}

func (b *behind) add(t *testing.T, version string) {
	t.Helper()
	dir := filepath.Join(b.dir, "releases", version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model"), []byte(version), 0o644); err != nil {
		t.Fatal(err)
	}
	b.made++
	at := time.Now().Add(time.Duration(b.made)*time.Minute - time.Hour)
	if err := os.Chtimes(dir, at, at); err != nil {
		t.Fatal(err)
	}
}

func (b *behind) set(t *testing.T, version string) {
	t.Helper()
	tmp := filepath.Join(b.dir, "foreign")
	if err := os.Symlink("releases/"+version, tmp); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(b.dir, "current")); err != nil {
		t.Fatal(err)
	}
	b.count()
}

func (b *behind) stall(t *testing.T) func() {
	t.Helper()
	release := make(chan struct{})
	b.hang.Store(&release)
	heal := sync.OnceFunc(func() { b.hang.Store(nil); close(release) })
	t.Cleanup(heal)
	return heal
}

func (b *behind) bench() actionstest.Bench {
	return actionstest.Bench{
		Open: func(t *testing.T) actions.Action { t.Helper(); return open(t, b.server.URL+"/hook", "") },
		Add:  b.add, Set: b.set,
		Remove: func(t *testing.T, version string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(b.dir, "releases", version)); err != nil {
				t.Fatal(err)
			}
		},
		Live: func(t *testing.T) string {
			t.Helper()
			target, err := os.Readlink(filepath.Join(b.dir, "current"))
			if err != nil {
				t.Fatal(err)
			}
			return filepath.Base(target)
		},
		Effects: func(*testing.T) int { return b.count() },
		State: func(t *testing.T) string {
			t.Helper()
			names, err := filepath.Glob(filepath.Join(b.dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			hidden, _ := filepath.Glob(filepath.Join(b.dir, ".*"))
			target, _ := os.Readlink(filepath.Join(b.dir, "current"))
			state := target
			for _, name := range append(names, hidden...) {
				state += "\n" + name
			}
			return state
		},
		Hang: b.stall,
	}
}
