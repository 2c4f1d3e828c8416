//go:build crashpoint

package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/slackstub"
)

const (
	crashTarget   = "checkout"
	crashChannel  = "C0CRASH"
	crashPatience = 45 * time.Second // for one thing to happen; a bound, not a figure
)

// crashBinary is cmd/ripcord with the crash points in it, built once.
var crashBinary struct {
	once sync.Once
	path string
	err  error
}

// TestMain removes the binary at the end.
func TestMain(m *testing.M) {
	code := m.Run()
	if crashBinary.path != "" {
		_ = os.RemoveAll(filepath.Dir(crashBinary.path))
	}
	os.Exit(code)
}

func buildCrashBinary(t *testing.T) string {
	t.Helper()
	b := &crashBinary
	b.once.Do(func() {
		dir, err := os.MkdirTemp("", "ripcord-crash-")
		if err != nil {
			b.err = err
			return
		}
		b.path = filepath.Join(dir, "ripcord")
		out, err := exec.Command("go", "build", "-tags", "crashpoint", "-o", b.path, "github.com/ripcord-dev/ripcord/cmd/ripcord").CombinedOutput()
		if err != nil {
			b.err = fmt.Errorf("build ripcord: %w\n%s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}

// scene is one directory with a daemon's files, and what is around the daemon.
type scene struct {
	t      *testing.T
	dir    string
	web    string
	nats   string
	oracle *oracle
	slack  *slackstub.Server
	api    *client.Client
	http   *http.Client

	mu       sync.Mutex
	cmd      *exec.Cmd
	ended    chan struct{} // closed when cmd has ended
	accepted []string      // ids that were answered with 2xx
}

func newScene(t *testing.T, mode, class string) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir(), web: freePort(t), nats: freePort(t), http: &http.Client{Timeout: 5 * time.Second}}
	s.oracle = newOracle(t, "v41", class)
	s.slack = slackstub.New(slackstub.Options{Channels: []string{crashChannel}, Team: "T1"})
	url, err := s.slack.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.slack.Close() })
	s.slack.SetInteractivity("http://" + s.web + "/slack/interactivity")
	s.api = client.New("http://"+s.web, "")
	s.api.HTTP.Timeout = 5 * time.Second
	s.write("ripcord.yml", fmt.Sprintf(`data: {dir: data, listen: %s, min_free: 16MiB}
web: {listen: %s}
people:
  ana: {slack: T1/U0ANA, groups: [oncall]}
rule_sources:
- {path: "*.rules.yml", team: shop, targets: [%s], max_mode: auto}
sources:
- {name: am, kind: alertmanager, target: [labels.service]}
targets:
  %s:
    mode: %s
    approve: {from: [group:oncall], quorum: 1, expires: 15m}
    attribution: {within: 72h}
    stages:
    - name: deploy
      verify: {stable: 1s, within: 1m}
      steps:
      - {kind: webhook, url: "%s/place", class: %s, allow_private: [127.0.0.0/8]}
guards: {cooldown: 30m, per_target: 2/24h, fleet: 5/10m, max_event_age: 2m, known_good_after: 1s}
notify:
- {kind: slack, channel: %s, bot_token_env: SLACK_BOT_TOKEN, signing_secret_env: SLACK_SIGNING_SECRET, api_url: "%s"}
log: {level: info, format: console}
`, s.nats, s.web, crashTarget, crashTarget, mode, s.oracle.server.URL, class, crashChannel, url))
	s.write("checkout.rules.yml", fmt.Sprintf(`signals:
  alerts: {type: alert, fields: {alertname: string}}
groups:
- name: checkout
  target: checkout
  interval: 200ms
  rules:
  - rule: high-error-rate
    trigger: error_rate
    if: |
      firing(alerts, alertname == "HighErrorRate")
    severity: critical
    mode: %s
    annotations: {summary: "the alert is firing"}
`, mode))
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			raw, _ := os.ReadFile(s.logPath())
			lines := bytes.Split(raw, []byte("\n"))
			t.Logf("the end of the daemon's log:\n%s", bytes.Join(lines[max(0, len(lines)-40):], []byte("\n")))
			for _, e := range s.oracle.executions() {
				t.Logf("oracle: %+v", e)
			}
		}
	})
	return s
}

func (s *scene) write(name, text string) {
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) logPath() string { return filepath.Join(s.dir, "ripcord.log") }

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs the daemon; an empty point kills it nowhere. It does not wait until
// the daemon is ready: it may die before.
func (s *scene) start(point string) {
	s.t.Helper()
	log, err := os.OpenFile(s.logPath(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	fmt.Fprintf(log, "---- start, crash point %q\n", point)
	cmd := exec.Command(buildCrashBinary(s.t), "run", "--config", filepath.Join(s.dir, "ripcord.yml"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	cmd.Env = append(os.Environ(), "SLACK_BOT_TOKEN=xoxb-stub", "SLACK_SIGNING_SECRET=stub-signing-secret",
		"RIPCORD_CRASHPOINT="+point, "RIPCORD_CRASHPOINT_LOG="+filepath.Join(s.dir, "points.log"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ended := make(chan struct{})
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		close(ended)
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd, s.ended = cmd, ended
}

// signal sends one to the daemon of now.
func (s *scene) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(sig)
	}
}

func (s *scene) kill() {
	s.signal(syscall.SIGKILL)
	if s.ended != nil {
		<-s.ended
	}
}

// died waits for the end of the daemon and demands that SIGKILL was its cause.
func (s *scene) died(why string) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(crashPatience):
		s.t.Fatalf("%s was not reached in %s", why, crashPatience)
	}
	status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		s.t.Fatalf("the daemon was to be killed at %s and ended by itself: %s", why, s.cmd.ProcessState)
	}
}

// eventually asks until ask gives nil.
func (s *scene) eventually(what string, ask func(context.Context) error) {
	s.t.Helper()
	if err := s.try(s.t.Context(), ask); err != nil {
		s.t.Fatalf("%s: not in %s: %v", what, crashPatience, err)
	}
}

func (s *scene) try(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, crashPatience)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *scene) ready() {
	s.t.Helper()
	s.eventually("the daemon is ready", func(ctx context.Context) error {
		_, err := s.api.Ready(ctx)
		return err
	})
}

// deploy makes v41 the known good release and v42 the live one. It is repeated
// until it is answered, so that it may run across a crash.
func (s *scene) deploy() {
	s.t.Helper()
	s.release("v41")
	time.Sleep(1200 * time.Millisecond) // known_good_after
	s.oracle.set("v42")
	s.release("v42")
}

func (s *scene) release(version string) {
	s.t.Helper()
	s.eventually("release "+version+" is in the ledger", func(ctx context.Context) error {
		target, err := s.api.Target(ctx, crashTarget)
		if err != nil {
			return err
		}
		if n := len(target.Ledger); n > 0 && target.Version == version && !target.Ledger[n-1].Assumed {
			return nil
		}
		if _, err := s.api.Release(ctx, crashTarget, client.NewRelease{Version: version}); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
		return fmt.Errorf("version %s, ledger %+v", target.Version, target.Ledger)
	})
}

// post sends a body until it is answered with 2xx, as Alertmanager does, and
// keeps the ids that the daemon has taken over.
func (s *scene) post(ctx context.Context, path string, body []byte) error {
	return s.try(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.web+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := s.http.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if resp.StatusCode/100 != 2 {
			return fmt.Errorf("%s: %s", resp.Status, raw)
		}
		if err != nil {
			return err // half an answer is none: sent again
		}
		var answer struct{ Accepted []string }
		if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Accepted) == 0 {
			return fmt.Errorf("nothing was accepted: %s (%w)", raw, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.accepted = append(s.accepted, answer.Accepted...)
		return nil
	})
}

// alert sends one through the door of Alertmanager, or as an event.
func (s *scene) alert(ctx context.Context, since time.Time, status string, asEvent bool) error {
	if asEvent {
		body, _ := json.Marshal(map[string]any{
			"id": "alert-" + status, "type": "alert", "target": crashTarget, "source": "test", "time": time.Now().UTC(),
			"data": map[string]any{"alertname": "HighErrorRate", "status": status, "fingerprint": "f1"},
		})
		return s.post(ctx, "/api/v1/events", body)
	}
	ends := "0001-01-01T00:00:00Z"
	if status == "resolved" {
		ends = time.Now().UTC().Format(time.RFC3339Nano)
	}
	body, _ := json.Marshal(map[string]any{
		"version": "4", "status": status, "receiver": "ripcord", "groupKey": "{}", "truncatedAlerts": 0,
		"groupLabels": map[string]string{}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{}, "externalURL": "http://am",
		"alerts": []any{map[string]any{
			"status": status, "labels": map[string]string{"alertname": "HighErrorRate", "service": crashTarget}, "annotations": map[string]string{},
			"startsAt": since.UTC().Format(time.RFC3339Nano), "endsAt": ends, "generatorURL": "http://prom", "fingerprint": "f1",
		}},
	})
	return s.post(ctx, "/api/v1/alertmanager", body)
}

// people click Approve while the button is there and no click was answered.
func (s *scene) people(ctx context.Context) {
	ana := slackstub.User{ID: "U0ANA", Name: "ana"}
	for ctx.Err() == nil {
		m, err := s.slack.WaitMessage(ctx, offersApproval)
		if err != nil {
			return
		}
		pause := 300 * time.Millisecond
		if s.slack.Click(ctx, m, "ripcord_approve", ana) == nil {
			pause = 2 * time.Second // the button goes away; a person would try again
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func offersApproval(m slackstub.Message) bool {
	for _, id := range m.Buttons() {
		if id == "ripcord_approve" {
			return true
		}
	}
	return false
}

// play is everything outside the daemon: the alert fires, people approve, and the
// alert resolves after the place has moved. It goes on across the daemon's deaths.
func (s *scene) play(ctx context.Context, asEvent bool) <-chan error {
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	go s.people(ctx)
	go func() {
		defer cancel()
		since := time.Now()
		err := s.alert(ctx, since, "firing", asEvent)
		if err == nil {
			select {
			case <-s.oracle.changed:
				err = s.alert(ctx, since, "resolved", asEvent)
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		done <- err
	}()
	s.t.Cleanup(cancel)
	return done
}

// outcome waits for the end of the one incident.
func (s *scene) outcome() client.Incident {
	s.t.Helper()
	var one client.Incident
	s.eventually("the incident ends", func(ctx context.Context) error {
		page, err := s.api.Incidents(ctx, client.Query{State: "all"})
		if err != nil {
			return err
		}
		if len(page.Items) != 1 {
			return fmt.Errorf("there are %d incidents", len(page.Items))
		}
		if one, err = s.api.Incident(ctx, page.Items[0].ID); err != nil {
			return err
		}
		if !one.State.Terminal() {
			return fmt.Errorf("it is %s", one.State)
		}
		return nil
	})
	return one
}

// storedIDs reads the events stream and the dead letters directly, past the
// product.
func (s *scene) storedIDs() map[string]int {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.dir, "data", "nats.token"))
	if err != nil {
		s.t.Fatal(err)
	}
	nc, err := nats.Connect("nats://"+s.nats, nats.Token(strings.TrimSpace(string(token))))
	if err != nil {
		s.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		s.t.Fatal(err)
	}
	ids := make(map[string]int)
	for _, name := range []string{"RIPCORD_EVENTS", "RIPCORD_DEADLETTER"} {
		stream, err := js.Stream(s.t.Context(), name)
		if err != nil {
			s.t.Fatal(err)
		}
		info, err := stream.Info(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		for seq := info.State.FirstSeq; seq > 0 && seq <= info.State.LastSeq; seq++ {
			msg, err := stream.GetMsg(s.t.Context(), seq)
			if err != nil {
				s.t.Fatalf("message %d of %s can not be read: %v", seq, name, err)
			}
			for line := range bytes.Lines(msg.Data) {
				var event struct{ ID string }
				if json.Unmarshal(line, &event) == nil && event.ID != "" {
					ids[event.ID]++
				}
			}
		}
	}
	return ids
}

// headMessages counts the messages of incidents, by incident.
func headMessages(messages []slackstub.Message) map[string]int {
	heads := make(map[string]int)
	for _, m := range messages {
		var about struct {
			Type    string         `json:"event_type"`
			Payload map[string]any `json:"event_payload"`
		}
		if json.Unmarshal(m.Metadata, &about) == nil && about.Type == "ripcord_incident" && m.ThreadTS == "" {
			heads[fmt.Sprint(about.Payload["incident"])]++
		}
	}
	return heads
}
