package httpin

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/ripcord-dev/ripcord/triggers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a real events stream on an embedded server, fsync always, and a list of
// the dead letters.
type store struct {
	js   jetstream.JetStream
	mu   sync.Mutex
	dead []triggers.DeadLetter
}

func newStore(t testing.TB) *store {
	t.Helper()
	srv, err := server.NewServer(&server.Options{JetStream: true, StoreDir: t.TempDir(), DontListen: true, NoSigs: true, SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "RIPCORD_EVENTS", Subjects: []string{"ripcord.events.>"}, MaxMsgSize: 256 << 10, Duplicates: 10 * time.Minute, Discard: jetstream.DiscardNew,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &store{js: js}
}

func (s *store) publish(ctx context.Context, subject string, header map[string][]string, msgID string, body []byte) error {
	_, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Header: nats.Header(header), Data: body}, jetstream.WithMsgID(msgID))
	return err
}

func (s *store) deadLetter(_ context.Context, d triggers.DeadLetter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = append(s.dead, d)
	return nil
}

// stored reads the stream back: each message's subject and its events' ids.
func (s *store) stored(t testing.TB) []string {
	t.Helper()
	stream, err := s.js.Stream(t.Context(), "RIPCORD_EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		raw, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		typ, target, _ := triggers.SplitSubject(raw.Subject)
		events, rejects := triggers.Decode(triggers.Message{Seq: seq, Stored: raw.Time, Type: typ, Target: target, Header: raw.Header, Body: raw.Data}, nil)
		if len(rejects) > 0 {
			t.Errorf("stored message %d can not be read: %+v", seq, rejects)
		}
		line := raw.Subject
		for _, ev := range events {
			line += " " + ev.Source + "/" + ev.ID
		}
		all = append(all, line)
	}
	return all
}

func (s *store) letters() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, d := range s.dead {
		all = append(all, fmt.Sprintf("%s %s [%s] %d lines: %s", d.Code, d.Source, d.Subject, bytes.Count(d.Body, []byte("\n")), d.Reason))
	}
	return all
}

var noon = time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)

func (s *store) intake(change ...func(*Config)) *Intake {
	cfg := Config{
		Publish: s.publish, DeadLetter: s.deadLetter,
		KnownTarget: func(name string) bool { return name == "fraud" || name == "fraud-svc" },
		Now:         func() time.Time { return noon }, Registerer: prometheus.NewRegistry(),
	}
	for _, c := range change {
		c(&cfg)
	}
	return New(cfg)
}

func send(t testing.TB, h http.Handler, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

const two = `[{"type":"payment","target":"fraud","id":"a"},{"type":"payment","target":"fraud","id":"b"}]`

func TestAnEventsRequestIsStoredBeforeItIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		body           string
		headers        []string
		answer         string
		stored, buried []string
	}{
		"a batch for one subject is one message": {
			body: two, answer: `{"accepted":["a","b"]}`, stored: []string{"ripcord.events.payment.fraud http/a http/b"},
		},
		"gzip is read": {
			body: zipped(two), headers: []string{"Content-Encoding", "gzip"}, answer: `{"accepted":["a","b"]}`, stored: []string{"ripcord.events.payment.fraud http/a http/b"},
		},
		"a binary CloudEvent": {
			body: `{"target":"fraud"}`, headers: []string{"ce-specversion", "1.0", "ce-id", "7", "ce-source", "s", "ce-type", "payment"},
			answer: `{"accepted":["7"]}`, stored: []string{"ripcord.events.payment.fraud s/7"},
		},
		"an idempotency key names events without an id": {
			body: `[{"type":"payment","target":"fraud"},{"type":"payment","target":"fraud"}]`, headers: []string{"Idempotency-Key", "k"},
			answer: `{"accepted":["k-0","k-1"]}`, stored: []string{"ripcord.events.payment.fraud http/k-0 http/k-1"},
		},
		"what can not be accepted is told and kept, the rest is stored": {
			body:   `[{"type":"payment","target":"fraud","id":"a"},{"type":"payment","target":"else","id":"b"},{"x":NaN},{"type":"payment","target":"else","id":"c"}]`,
			answer: `{"accepted":["a"],"rejected":[{"index":1,"reason":"target else is not configured"},{"index":2,"reason":"it is not valid JSON: byte 6 should have a value (NaN and Infinity are not JSON)"},{"index":3,"reason":"target else is not configured"}]}`,
			stored: []string{"ripcord.events.payment.fraud http/a"},
			buried: []string{
				"unresolved http [ripcord.events.payment.else] 2 lines: target else is not configured",
				"undecodable http [] 1 lines: it is not valid JSON: byte 6 should have a value (NaN and Infinity are not JSON)",
			},
		},
		"only unknown targets are kept as dead letters": {
			body: `{"type":"payment","target":"else","id":"b"}`, answer: `{"accepted":[],"rejected":[{"index":0,"reason":"target else is not configured"}]}`,
			buried: []string{"unresolved http [ripcord.events.payment.else] 1 lines: target else is not configured"},
		},
		"an empty batch is nothing": {body: `[]`, answer: `{"accepted":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			w := send(t, s.intake().Events(), c.body, c.headers...)
			if w.Code != http.StatusAccepted || strings.TrimSpace(w.Body.String()) != c.answer {
				t.Errorf("%d %s\nwant 202 %s", w.Code, w.Body, c.answer)
			}
			if diff := cmp.Diff(c.stored, s.stored(t)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.buried, s.letters()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatCanNeverBeReadIsRefused(t *testing.T) {
	many := strings.Repeat(`{"labels":{"a":"1"}},`, triggers.MaxAlerts) + `{"labels":{"a":"1"}}`
	for name, c := range map[string]struct {
		door, body string
		headers    []string
		code       int
		detail     string
	}{
		"no JSON":                       {"events", "hello", nil, 400, "the body can not be read"},
		"nothing":                       {"events", "", nil, 400, "the body is empty"},
		"an event without a type":       {"events", `{"a":1}`, nil, 422, "none of this is an event: the event has no type"},
		"an event that is too long":     {"events", tooLong(), nil, 422, "no event can be accepted"},
		"a form":                        {"events", "a=1", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "Content-Type"},
		"an encoding that is not known": {"events", two, []string{"Content-Encoding", "br"}, 415, "send gzip or none"},
		"gzip that is none":             {"events", two, []string{"Content-Encoding", "gzip"}, 400, "the body can not be read"},
		"gzip that was cut off":         {"events", zipped(two)[:30], []string{"Content-Encoding", "gzip"}, 400, "unexpected EOF"},
		"a gzip bomb":                   {"events", zipped(strings.Repeat(" ", maxEventBody+1)), []string{"Content-Encoding", "gzip"}, 413, "inflated body has more than 8388608"},
		"a long body":                   {"events", strings.Repeat(" ", maxEventBody+1), nil, 413, "more than 8388608 bytes"},
		"a release without the role":    {"events", `[` + two[1:len(two)-1] + `,{"type":"release","target":"fraud"}]`, nil, 403, "role release"},
		"a long webhook":                {"alertmanager", strings.Repeat(" ", maxAlertBody+1), nil, 413, "more than 1048576 bytes"},
		"a webhook without a version":   {"alertmanager", `{"alerts":[]}`, nil, 400, "no version"},
		"a webhook with too much":       {"alertmanager", `{"version":"4","status":"firing","alerts":[` + many + `]}`, nil, 413, "max_alerts"},
		"a webhook that is XML":         {"alertmanager", `<a/>`, []string{"Content-Type", "text/xml"}, 415, "Content-Type"},
	} {
		t.Run(name, func(t *testing.T) {
			in := New(Config{
				Publish: func(context.Context, string, map[string][]string, string, []byte) error {
					t.Error("something was stored")
					return nil
				},
				DeadLetter:  func(context.Context, triggers.DeadLetter) error { t.Error("something was buried"); return nil },
				KnownTarget: func(string) bool { return true },
			})
			h := in.Events()
			if c.door == "alertmanager" {
				h = in.Alertmanager()
			}
			w := send(t, h, c.body, c.headers...)
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.code || p.Status != c.code || !strings.Contains(p.Detail, c.detail) || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %+v\nwant %d %s", w.Code, p, c.code, c.detail)
			}
		})
	}
}

// tooLong is an event of 60 strings of 4 KiB.
func tooLong() string {
	var b strings.Builder
	b.WriteString(`{"type":"a","target":"fraud"`)
	for i := range 60 {
		fmt.Fprintf(&b, `,"k%d":"%s"`, i, strings.Repeat("x", 4096))
	}
	return b.String() + "}"
}

func TestWhatCanNotBeStoredIsAnswered503(t *testing.T) {
	full := errors.New("maximum bytes exceeded")
	broken := func(context.Context, string, map[string][]string, string, []byte) error { return full }
	golden, err := os.ReadFile("../testdata/alertmanager-0.34.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		alert  bool
		body   string
	}{
		"an event, the stream is full": {func(*Config) {}, false, two},
		"an alert, the stream is full": {func(c *Config) {
			c.Sources = []Source{{Name: "am", Places: triggers.Places{{Kind: triggers.PlaceLabel, Name: "deployment"}}}}
		}, true, string(golden)},
		"a dead letter can not be stored": {func(c *Config) { c.DeadLetter = func(context.Context, triggers.DeadLetter) error { return full } }, false, `{"type":"a","target":"else"}`},
		"the worker is not ready":         {func(c *Config) { c.Ready = func() error { return full } }, false, two},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{}
			in := s.intake(func(c *Config) { c.Publish = broken }, c.change)
			h := in.Events()
			if c.alert {
				h = in.Alertmanager()
			}
			w := send(t, h, c.body)
			if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), full.Error()) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if after := w.Header().Get("Retry-After"); after < "1" || after > "5" || len(after) != 1 {
				t.Errorf("Retry-After %q", after)
			}
		})
	}
}

func TestMoreRequestsThanSlotsAreAnswered503(t *testing.T) {
	release := make(chan struct{})
	arrived := make(chan struct{}, maxInFlight)
	s := &store{}
	in := s.intake(func(c *Config) {
		c.Publish = func(context.Context, string, map[string][]string, string, []byte) error {
			<-release
			return nil
		}
		c.Ready = func() error { arrived <- struct{}{}; return nil }
	})
	var group sync.WaitGroup
	for range maxInFlight {
		group.Go(func() {
			if w := send(t, in.Events(), two); w.Code != http.StatusAccepted {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	for range maxInFlight {
		<-arrived
	}
	if w := send(t, in.Events(), two); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "64 requests are under way") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	close(release)
	group.Wait()
}

func TestOnlyPostIsServed(t *testing.T) {
	s := &store{}
	w := httptest.NewRecorder()
	s.intake().Events().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestAReleaseIsTakenFromWhoMay(t *testing.T) {
	s := newStore(t)
	in := s.intake(func(c *Config) {
		c.MayRelease = func(r *http.Request) bool { return r.Header.Get("Role") == "release" }
	})
	body := `{"type":"release","target":"fraud","id":"r","version":"v42"}`
	if w := send(t, in.Events(), body); w.Code != http.StatusForbidden {
		t.Errorf("without the role: %d", w.Code)
	}
	if w := send(t, in.Events(), body, "Role", "release"); w.Code != http.StatusAccepted {
		t.Errorf("with it: %d %s", w.Code, w.Body)
	}
	if diff := cmp.Diff([]string{"ripcord.events.release.fraud http/r"}, s.stored(t)); diff != "" {
		t.Error(diff)
	}
}

// The malformed set: 5,000 bodies made of good ones by cutting, doubling and
// changing bytes. None makes a door panic or blame itself, and each is answered.
func TestMalformedBodiesAreTheSendersFault(t *testing.T) {
	golden, err := os.ReadFile("../testdata/alertmanager-0.34.json")
	if err != nil {
		t.Fatal(err)
	}
	s := &store{}
	in := s.intake(func(c *Config) {
		c.Publish = func(context.Context, string, map[string][]string, string, []byte) error { return nil }
	})
	random := rand.New(rand.NewPCG(1, 2))
	codes := map[int]int{}
	for i := range 5_000 {
		h, body := in.Events(), []byte(two)
		if i%2 == 0 {
			h, body = in.Alertmanager(), golden
		}
		w := send(t, h, string(spoil(random, body)))
		if codes[w.Code]++; w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if codes[202] == 0 || codes[400] == 0 || codes[422] == 0 {
		t.Errorf("the set is one-sided: %v", codes)
	}
}

func spoil(random *rand.Rand, body []byte) []byte {
	body = bytes.Clone(body)
	for range 1 + random.IntN(3) {
		at := random.IntN(len(body))
		switch random.IntN(5) {
		case 0:
			body[at] = byte(random.IntN(256))
		case 1:
			body[at] = "{}[]\",:\\0-enN"[random.IntN(13)]
		case 2:
			body = append(body[:at:at], body[min(len(body), at+1+random.IntN(20)):]...)
		case 3:
			end := min(len(body), at+1+random.IntN(40))
			body = append(body[:end:end], body[at:]...)
		case 4:
			body = append(body[:at:at], append([]byte("1e999"), body[at:]...)...)
		}
		if len(body) == 0 {
			return body
		}
	}
	return body
}

// FuzzIntakeNever5xx: no input makes a door panic or blame itself.
func FuzzIntakeNever5xx(f *testing.F) {
	f.Add([]byte(two), "application/json", true)
	f.Add([]byte(`{"version":"4","alerts":[{"labels":{"service":"fraud"}}]}`), "application/json", false)
	s := &store{}
	in := s.intake(func(c *Config) {
		c.Publish = func(context.Context, string, map[string][]string, string, []byte) error { return nil }
		c.DeadLetter = func(context.Context, triggers.DeadLetter) error { return nil }
	})
	f.Fuzz(func(t *testing.T, body []byte, contentType string, events bool) {
		h := in.Alertmanager()
		if events {
			h = in.Events()
		}
		w := send(t, h, string(body), "Content-Type", contentType)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
