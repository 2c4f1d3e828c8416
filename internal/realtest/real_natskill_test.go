//go:build real

package realtest

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/actions/remote"
	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
)

const killRules = `signals:
  payments: {type: payment, fields: {lost: number}}
groups:
- name: fraud
  target: fraud
  rules:
  - rule: lost-money
    trigger: error_rate
    if: sum(payments, lost, "20s") >= 60
    mode: auto
`

const killYML = `data: {dir: ./data}
nats: {url: "nats://NATS"}
web: {listen: 127.0.0.1:0}
people: {ana: {groups: [oncall]}}
rule_sources: [{path: "*.rules.yml", team: fraud, max_mode: auto}]
targets:
  fraud:
    mode: auto
    approve: {from: [group:oncall], expires: 15m}
    stages:
    - name: deploy
      verify: {stable: 1s, within: 1m}
      steps: [{kind: webhook, url: "HOOK", class: B, allow_private: [127.0.0.0/8]}]
guards: {cooldown: 30m, per_target: 2/24h, fleet: 5/10m, max_event_age: 2m, known_good_after: 1s}
`

// broker is a nats-server in a process of its own.
type broker struct {
	t            *testing.T
	dir, program string
	addr         string
	process      *exec.Cmd
}

func startBroker(t *testing.T, program string) *broker {
	t.Helper()
	b := &broker{t: t, dir: t.TempDir(), program: program, addr: freePort(t)}
	write(t, filepath.Join(b.dir, "nats.conf"), fmt.Appendf(nil,
		"listen: %s\njetstream { store_dir: %q, sync_interval: always, max_mem: 64MB, max_file: 16GB }\n", b.addr, filepath.Join(b.dir, "js")))
	b.start()
	return b
}

func (b *broker) start() {
	b.t.Helper()
	b.process = process(b.t, b.dir, b.program, "-c", "nats.conf")
	eventually(b.t, "nats-server ready", func() bool {
		conn, err := nats.Connect("nats://"+b.addr, nats.Timeout(time.Second))
		if err != nil {
			return false
		}
		defer conn.Close()
		js, err := jetstream.New(conn)
		if err != nil {
			return false
		}
		_, err = js.AccountInfo(b.t.Context())
		return err == nil
	})
}

func (b *broker) kill() {
	b.t.Helper()
	if err := b.process.Process.Signal(syscall.SIGKILL); err != nil {
		b.t.Fatal(err)
	}
	_ = b.process.Wait() // it says that it was killed
}

// sender publishes as a service would: with an id, and again until it is told that
// the message is stored.
type sender struct {
	t  *testing.T
	js jetstream.JetStream
	n  int
}

func (b *broker) sender() *sender {
	b.t.Helper()
	conn, err := nats.Connect("nats://"+b.addr, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectBufSize(-1))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(time.Second))
	if err != nil {
		b.t.Fatal(err)
	}
	return &sender{t: b.t, js: js}
}

// send stores one message; it may be called on another goroutine than the test's.
func (s *sender) send(target string, header nats.Header, body string) {
	s.n++
	msg := &nats.Msg{Subject: "ripcord.events.payment." + target, Header: header, Data: []byte(body)}
	deadline := time.Now().Add(patience)
	for {
		_, err := s.js.PublishMsg(s.t.Context(), msg, jetstream.WithMsgID(fmt.Sprint("m", s.n)))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Errorf("message %d is not stored: %v", s.n, err)
			return
		}
		time.Sleep(20 * time.Millisecond) // the server says nothing while it is down
	}
}

func (s *sender) plain(id, version string, lost int) {
	s.send("fraud", nil, fmt.Sprintf(`{"id":%q,"version":%q,"lost":%d}`, id, version, lost))
}

func (s *sender) lines(n int) {
	var body strings.Builder
	for i := range n {
		fmt.Fprintf(&body, `{"id":"line-%d","version":"v42","lost":1}`+"\n", i)
	}
	s.send("fraud", nats.Header{"Content-Type": {"application/x-ndjson"}}, body.String())
}

func (s *sender) structured(id string) {
	s.send("fraud", nats.Header{"Content-Type": {"application/cloudevents+json"}}, fmt.Sprintf(
		`{"specversion":"1.0","id":%q,"source":"shop","type":"payment","time":%q,"version":"v42","data":{"lost":1}}`, id, time.Now().UTC().Format(time.RFC3339Nano)))
}

func (s *sender) binary(id string) {
	s.send("fraud", nats.Header{
		"ce-specversion": {"1.0"}, "ce-id": {id}, "ce-source": {"shop"}, "ce-type": {"payment"}, "ce-version": {"v42"},
		"Content-Type": {"application/json"},
	}, `{"lost":1}`)
}

// gated is a place whose move waits until it is let go.
type gated struct {
	*place
	entered, leave chan struct{}
}

func (g *gated) Execute(ctx context.Context, s actions.Step, a actions.Attempt) error {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	select {
	case <-g.leave:
	case <-ctx.Done():
		return actions.Errorf(actions.Retry, "nothing was done: %w", ctx.Err())
	}
	return g.place.Execute(ctx, s, a)
}

// Every form of event comes in through somebody's own NATS server, which is killed
// twice: while events are published, and while the release is being taken back.
// The rule counts exactly what was acknowledged.
func TestRealNATSOutlivesKills(t *testing.T) {
	b := startBroker(t, built(t, natsServer))
	p := &gated{place: newPlace("v41"), entered: make(chan struct{}, 1), leave: make(chan struct{})}
	hook := httptest.NewServer(remote.Handler(p))
	t.Cleanup(hook.Close)
	d := startDaemon(t, t.TempDir(), replaced(t, killYML, "NATS", b.addr, "HOOK", hook.URL),
		map[string][]byte{"fraud.rules.yml": []byte(killRules)})
	s := b.sender()
	d.release("fraud", p.place, func() {
		for i := range 12 { // a release that nobody watched is not known to be good
			s.plain(fmt.Sprint("before-", i), "v41", 0)
			time.Sleep(250 * time.Millisecond) // the pace of the story
		}
	})
	s.send("fraud", nil, `{"lost":1`)
	s.send("nobody", nil, `{"lost":1}`)
	for i := range 10 {
		s.plain(fmt.Sprint("plain-", i), "v42", 1)
		s.structured(fmt.Sprint("structured-", i))
		s.binary(fmt.Sprint("binary-", i))
	}
	s.lines(10)
	d.deadLetters("undecodable ripcord.events.payment.fraud", "unresolved ripcord.events.payment.nobody")

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range 19 {
			s.plain(fmt.Sprint("killed-", i), "v42", 1)
			if i == 5 {
				sent <- struct{}{}
			}
		}
	}()
	<-sent
	b.kill()
	killed := time.Now()
	d.eventually("not ready without NATS", func() bool { _, err := d.api.Ready(t.Context()); return err != nil })
	b.start()
	<-sent
	d.eventually("ready again", func() bool { _, err := d.api.Ready(t.Context()); return err == nil })
	t.Logf("killed while events came in: ready %s later, %d messages acknowledged", time.Since(killed).Round(time.Millisecond), s.n)

	// 59 are there. One that was counted twice would show now.
	d.eventually("everything evaluated", func() bool { return b.evaluated(s) })
	if got, err := d.api.Target(t.Context(), "fraud"); err != nil || got.Incident != nil {
		t.Fatalf("59 lost payments and there is an incident: %+v, %v", got.Incident, err)
	}
	s.plain("the-sixtieth", "v42", 1)
	d.incident("fraud", incident.Executing)
	<-p.entered
	b.kill()
	killed = time.Now()
	close(p.leave) // the release is taken back while nothing can be written down
	eventually(t, "moved", func() bool { live, _ := p.seen(); return live == "v41" })
	b.start()
	d.incident("fraud", incident.Verifying)
	t.Logf("killed while the release was taken back: verifying %s later", time.Since(killed).Round(time.Millisecond))
	d.eventually("an end", func() bool {
		s.plain(fmt.Sprint("good-", s.n), "v41", 0)
		time.Sleep(250 * time.Millisecond) // the pace of the story
		got, err := d.api.Target(t.Context(), "fraud")
		return err == nil && got.Incident.State.Terminal()
	})
	inc := d.incident("fraud", incident.Recovered)
	if live, moves := p.seen(); live != "v41" || moves != 1 {
		t.Errorf("the place is at %s after %d moves, want v41 after 1", live, moves)
	}
	d.verified()
	if stored := s.stored(); stored != uint64(s.n) {
		t.Errorf("%d messages are stored, %d were acknowledged", stored, s.n)
	}
	t.Logf("%s %s: %s; %d messages stored once each", inc.ID, inc.State, inc.Verdict, s.n)
}

// deadLetters waits until the box holds exactly these, by code and subject, oldest
// first.
func (d *daemon) deadLetters(want ...string) {
	d.t.Helper()
	var got []string
	d.eventually(fmt.Sprint("dead letters ", want), func() bool {
		page, err := d.api.DeadLetters(d.t.Context(), client.Query{})
		got = nil
		for i := len(page.Items) - 1; i >= 0; i-- {
			got = append(got, page.Items[i].Code+" "+page.Items[i].Subject)
		}
		return err == nil && len(got) >= len(want)
	})
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		d.t.Errorf("dead letters are %q, want %q", got, want)
	}
}

// evaluated tells whether the daemon has acknowledged all that is stored.
func (b *broker) evaluated(s *sender) bool {
	consumer, err := s.js.Consumer(b.t.Context(), cluster.EventsStream, "ripcord-eval")
	if err != nil {
		return false
	}
	state := consumer.CachedInfo()
	return state.NumPending == 0 && state.NumAckPending == 0
}

// stored counts the payments in the events stream.
func (s *sender) stored() (n uint64) {
	s.t.Helper()
	stream, err := s.js.Stream(s.t.Context(), cluster.EventsStream)
	if err != nil {
		s.t.Fatal(err)
	}
	info, err := stream.Info(s.t.Context(), jetstream.WithSubjectFilter("ripcord.events.payment.>"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, count := range info.State.Subjects {
		n += count
	}
	return n
}

func TestRealNATSRefusesAnOldServer(t *testing.T) {
	b := startBroker(t, built(t, natsServerOld))
	c, err := cluster.Open(t.Context(), cluster.Config{URL: "nats://" + b.addr, Replicas: 1})
	if err == nil {
		c.Close()
		t.Fatal("an old server is taken")
	}
	if want := `version "2.12.1", at least 2.15.2 is needed`; !strings.Contains(err.Error(), want) {
		t.Errorf("the refusal is %q, want %q in it", err, want)
	}
	if _, err := b.sender().js.Stream(t.Context(), cluster.EventsStream); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("a stream on the refused server: %v", err)
	}
	t.Log(err)
}
