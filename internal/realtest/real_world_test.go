//go:build !crashpoint

package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/actions/remote"
	"github.com/ripcord-dev/ripcord/examples"
	"github.com/ripcord-dev/ripcord/internal/app"
	"github.com/ripcord-dev/ripcord/internal/config"
	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
)

// patience bounds the wait for one thing to happen; it is no figure.
const patience = 60 * time.Second

// place is what is rolled back: it counts what changed it.
type place struct {
	mu      sync.Mutex
	live    string
	moves   int
	planned chan time.Time // the first Plan's time
	once    sync.Once
}

func newPlace(live string) *place { return &place{live: live, planned: make(chan time.Time, 1)} }

func (p *place) seen() (string, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live, p.moves
}

func (p *place) Look(context.Context) (actions.Sight, error) {
	live, _ := p.seen()
	return actions.Sight{Live: actions.Seen{Version: live, Revision: actions.Revision{Rev: live}}}, nil
}

func (p *place) Plan(_ context.Context, req actions.Request) (actions.Step, error) {
	p.once.Do(func() { p.planned <- time.Now() })
	live, _ := p.seen()
	return actions.Step{
		ID: req.StepID, Kind: "memory", Place: "place", Class: actions.ClassB, Text: "set the version",
		From: actions.Revision{Rev: live}, To: actions.Revision{Rev: req.To},
	}, nil
}

func (p *place) Execute(_ context.Context, s actions.Step, _ actions.Attempt) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.live {
	case s.To.Rev:
		return nil
	case s.From.Rev:
		p.live = s.To.Rev
		p.moves++
		return nil
	}
	return actions.Errorf(actions.Drift, "the place is at %s", p.live)
}

func (p *place) Verify(_ context.Context, s actions.Step) (actions.Verdict, error) {
	live, _ := p.seen()
	v := actions.Verdict{Place: actions.Elsewhere, Seen: actions.Revision{Rev: live}}
	switch live {
	case s.To.Rev:
		v.Place = actions.AtTo
	case s.From.Rev:
		v.Place = actions.AtFrom
	}
	return v, nil
}

// daemon is app.Run with a configuration of the test's.
type daemon struct {
	t    *testing.T
	api  *client.Client
	url  string
	stop context.CancelFunc
	done chan error
}

// startDaemon writes ripcord.yml and its rules into dir and runs the daemon there.
func startDaemon(t *testing.T, dir, ripcordYML string, rules map[string][]byte) *daemon {
	t.Helper()
	for name, data := range rules {
		write(t, filepath.Join(dir, name), data)
	}
	path := filepath.Join(dir, "ripcord.yml")
	write(t, path, []byte(ripcordYML))
	cfg, problems := config.LoadFile(path)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "ripcord.log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	d := &daemon{t: t, stop: stop, done: make(chan error, 1)}
	addr := make(chan string, 1)
	go func() {
		d.done <- app.Run(ctx, app.Options{
			Config: cfg, Logger: zerolog.New(log).With().Timestamp().Logger(), Registry: prometheus.NewRegistry(),
			Listening: func(a string) { addr <- a },
		})
	}()
	t.Cleanup(func() {
		d.close()
		if t.Failed() {
			raw, _ := os.ReadFile(log.Name())
			lines := strings.Split(string(raw), "\n")
			t.Logf("the daemon's last lines:\n%s", strings.Join(lines[max(0, len(lines)-30):], "\n"))
		}
	})
	select {
	case a := <-addr:
		d.url = "http://" + a
	case err := <-d.done:
		d.done <- err
		t.Fatalf("the daemon ended: %v", err)
	case <-time.After(patience):
		t.Fatal("the daemon does not answer")
	}
	d.api = client.New(d.url, "")
	d.eventually("ready", func() bool { _, err := d.api.Ready(t.Context()); return err == nil })
	return d
}

func (d *daemon) close() {
	d.stop()
	if err := <-d.done; err != nil {
		d.t.Errorf("the daemon: %v", err)
	}
	d.done <- nil
}

// eventually waits for something that another process does.
func (d *daemon) eventually(what string, is func() bool) {
	d.t.Helper()
	eventually(d.t, what, is)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not %s after %s", what, patience)
		}
		time.Sleep(20 * time.Millisecond) // asks another process, which sends no signal
	}
}

// release announces v41, lets it be good for a second, in which serving is called,
// and v42.
func (d *daemon) release(target string, p *place, serving func()) {
	d.t.Helper()
	for _, version := range []string{"v41", "v42"} {
		p.mu.Lock()
		p.live = version
		p.mu.Unlock()
		if _, err := d.api.Release(d.t.Context(), target, client.NewRelease{Version: version}); err != nil {
			d.t.Fatal(err)
		}
		d.eventually(version+" in the ledger", func() bool {
			got, err := d.api.Target(d.t.Context(), target)
			return err == nil && got.Version == version
		})
		if version == "v41" {
			serving()
			time.Sleep(1100 * time.Millisecond) // known_good_after is a second
		}
	}
}

// incident waits until the target's incident is in a state.
func (d *daemon) incident(target string, want incident.State) client.Summary {
	d.t.Helper()
	var last client.Summary
	d.eventually(fmt.Sprintf("%s of %s", want, target), func() bool {
		got, err := d.api.Target(d.t.Context(), target)
		if err != nil || got.Incident == nil {
			return false
		}
		last = *got.Incident
		if last.State.Terminal() && last.State != want {
			d.t.Fatalf("%s ended as %s: %s", last.ID, last.State, last.Verdict)
		}
		return last.State == want
	})
	return last
}

func (d *daemon) verified() {
	d.t.Helper()
	if v, err := d.api.VerifyJournal(d.t.Context()); err != nil || !v.OK {
		d.t.Errorf("the journal does not verify: %+v, %v", v, err)
	}
}

// served gives the address of the place as a webhook.
func served(t *testing.T, p *place) string {
	t.Helper()
	s := httptest.NewServer(remote.Handler(p))
	t.Cleanup(s.Close)
	return s.URL
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func postJSON(t *testing.T, url string, body any) int {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(url, "application/json", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func example(t *testing.T, name string) []byte {
	t.Helper()
	data, err := examples.Files.ReadFile("alertmanager/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// replaced replaces each old text, which must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the example has no %q any more", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// startExample runs examples/alertmanager as it stands but for its addresses and
// for how long it waits.
func startExample(t *testing.T, dir, web string, p *place) *daemon {
	t.Helper()
	return startDaemon(t, dir, replaced(t, string(example(t, "ripcord.yml")),
		"127.0.0.1:9413", web, "http://127.0.0.1:9500/checkout", served(t, p),
		"known_good_after: 1h", "known_good_after: 1s", "stable: 10s", "stable: 1s"),
		map[string][]byte{"checkout.rules.yml": example(t, "checkout.rules.yml")})
}

// takenBack waits for the example's incident to be recovered, by one move.
func (d *daemon) takenBack(p *place) {
	d.t.Helper()
	inc := d.incident("checkout", incident.Recovered)
	if live, moves := p.seen(); live != "v41" || moves != 1 {
		d.t.Errorf("%s: the place is at %s after %d moves, want v41 after 1", inc.ID, live, moves)
	}
	d.verified()
	d.t.Log(inc.ID, inc.State, inc.Verdict)
}
