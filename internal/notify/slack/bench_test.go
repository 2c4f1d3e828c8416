package slack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/notify"
	"github.com/ripcord-dev/ripcord/internal/notify/notifytest"
	"github.com/ripcord-dev/ripcord/internal/notify/slack"
	"github.com/ripcord-dev/ripcord/internal/slackstub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	channel     = "C0FRAUD"
	tokenCanary = "xoxb-canary-7f3a"
	signCanary  = "signing-canary-91bc"
	address     = "http://ripcord.test/slack/interactivity"
)

var buttonKey = bytes.Repeat([]byte("k"), 32)

// bench is a notifier and the Slack stand-in, in one process and without a
// network, so that a test may run in a bubble of virtual time.
type bench struct {
	stub *slackstub.Server
	n    *slack.Notifier
	logs *syncBuffer
	// doors are what the stand-in can reach.
	doors handlers

	mu        sync.Mutex
	confirmed []incident.Post
	refuse    error // of Confirm
}

// inBubble runs a test at the time of the sample incidents.
func inBubble(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(notifytest.Start))
		b := &bench{logs: &syncBuffer{}, doors: handlers{}}
		b.stub = slackstub.New(slackstub.Options{
			Token: tokenCanary, SigningSecret: signCanary, Channels: []string{channel}, Interactivity: address,
			Client: &http.Client{Transport: b.doors, Timeout: 3 * time.Second},
		})
		b.restart(t)
		f(t, b)
		b.n.Close(t.Context())
	})
}

// restart replaces the notifier by one that remembers nothing.
func (b *bench) restart(t *testing.T) {
	t.Helper()
	n, err := slack.New(b.config())
	if err != nil {
		t.Fatal(err)
	}
	b.n = n
}

func (b *bench) config() slack.Config {
	return slack.Config{
		Name: "slack", Channel: channel, APIURL: b.stub.APIURL(), ButtonKey: buttonKey, Team: "T1", AppID: "A1",
		Token:         func() (string, error) { return tokenCanary, nil },
		SigningSecret: func() (string, error) { return signCanary, nil },
		Confirm:       b.confirm,
		Link:          func(id string) string { return "https://ripcord.example.com/incidents/" + id },
		Logger:        zerolog.New(b.logs),
		HTTP:          &http.Client{Transport: handlers{"slack.stub": b.stub.Handler()}, Timeout: 10 * time.Second},
	}
}

func (b *bench) confirm(_ context.Context, _, _, _ string, p incident.Post) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse == nil {
		b.confirmed = append(b.confirmed, p)
	}
	return b.refuse
}

// tell notifies and wants no error.
func (b *bench) tell(t *testing.T, u notify.Update) {
	t.Helper()
	if err := b.n.Notify(t.Context(), u); err != nil {
		t.Fatalf("notify of %v: %v", u.Incident, err)
	}
}

// heads and lines are the channel's top-level messages and those in threads.
func (b *bench) heads() (out []slackstub.Message) {
	for _, m := range b.stub.Messages() {
		if m.ThreadTS == "" {
			out = append(out, m)
		}
	}
	return out
}

func (b *bench) lines() (out []slackstub.Message) {
	for _, m := range b.stub.Messages() {
		if m.ThreadTS != "" {
			out = append(out, m)
		}
	}
	return out
}

func (b *bench) oneHead(t *testing.T) slackstub.Message {
	t.Helper()
	heads := b.heads()
	if len(heads) != 1 {
		t.Fatalf("the channel has %d heads, want 1", len(heads))
	}
	return heads[0]
}

// methods counts the calls by method.
func (b *bench) methods() map[string]int {
	out := make(map[string]int)
	for _, c := range b.stub.Calls() {
		out[c.Method]++
	}
	return out
}

// handlers is a transport that calls the handler of a host in this goroutine. A
// handler that aborts is a connection that broke.
type handlers map[string]http.Handler

func (h handlers) RoundTrip(r *http.Request) (res *http.Response, err error) {
	handler, ok := h[r.URL.Host]
	if !ok {
		return nil, errors.New("no such host: " + r.URL.Host)
	}
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); !ok || !errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			res, err = nil, io.ErrUnexpectedEOF
		}
	}()
	rec := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	handler.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// door puts a handler at the interactivity address.
func (b *bench) door(h http.Handler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doors["ripcord.test"] = h
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
