// Package httpin is the door for what comes in over HTTP: events in all the shapes
// of CloudEvents and plain JSON, and the webhooks of Alertmanager and Grafana.
//
// It answers 2xx only when everything that the answer calls accepted is in the
// events stream, so that a sender that was answered may forget. When it can not
// store it answers 503 with Retry-After and never 429, which Alertmanager takes
// for a refusal. What it can never read is answered 400, 413, 415 or 422 as
// problem+json that says where and what to do. What has no configured target goes
// to the dead letters and is told in the answer.
package httpin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/triggers"
)

// The bounds of the door.
const (
	maxInFlight    = 64        // requests at a time; more are answered 503
	maxEventBody   = 8 << 20   // bytes of an events request, before and after inflating
	maxAlertBody   = 1 << 20   // bytes of a webhook's body as it is sent
	maxMessage     = 200 << 10 // bytes of one message of the events stream
	publishTimeout = 5 * time.Second
)

// Publish stores one message and returns nil only after its PubAck. Storing the
// same msgID twice within the stream's window is harmless.
type Publish func(ctx context.Context, subject string, header map[string][]string, msgID string, body []byte) error

// Source is a configured Alertmanager or Grafana. A request picks it by
// ?source=name; the first one is the default.
type Source struct {
	Name   string          // becomes the source of its events
	Places triggers.Places // where the target's name stands
}

// Config is what an Intake works with.
type Config struct {
	Publish     Publish                                          // needed
	DeadLetter  func(context.Context, triggers.DeadLetter) error // needed; nil only after it is stored
	KnownTarget func(string) bool                                // needed: the configured targets
	Sources     []Source                                         // none: one named alertmanager, with the default places
	Ready       func() error                                     // an error refuses requests with 503; nil: always ready
	MayRelease  func(*http.Request) bool                         // who may send release events; nil: nobody
	Now         func() time.Time                                 // nil: time.Now
	Logger      zerolog.Logger
	Registerer  prometheus.Registerer // nil: no metrics
}

// Intake serves the doors. It holds no goroutine of its own while nothing is being
// stored.
type Intake struct {
	cfg     Config
	batcher *batcher
	slots   chan struct{}
	metrics *metrics
}

// New makes an intake; it does not touch the stream.
func New(cfg Config) *Intake {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Ready == nil {
		cfg.Ready = func() error { return nil }
	}
	if cfg.MayRelease == nil {
		cfg.MayRelease = func(*http.Request) bool { return false }
	}
	if len(cfg.Sources) == 0 {
		cfg.Sources = []Source{{Name: triggers.SourceAlertmanager}}
	}
	for i := range cfg.Sources {
		if len(cfg.Sources[i].Places) == 0 {
			cfg.Sources[i].Places = triggers.DefaultPlaces()
		}
	}
	m := newMetrics(cfg.Registerer)
	return &Intake{
		cfg: cfg, metrics: m, slots: make(chan struct{}, maxInFlight),
		batcher: newBatcher(cfg.Publish, m),
	}
}

// Events serves POST /api/v1/events: one event or a batch, in the shapes of
// triggers.DecodeIntake, gzip or not. Events without an id get one; with an
// Idempotency-Key header it is made from the key, so that a request that is sent
// again is the same events. 202 lists the ids in the order of the request, and
// what was not accepted with its reason.
func (in *Intake) Events() http.Handler { return in.door("events", in.events) }

// Alertmanager serves POST /api/v1/alertmanager, the webhook of Alertmanager and
// of Grafana.
func (in *Intake) Alertmanager() http.Handler { return in.door("alertmanager", in.alertmanager) }

// door bounds the requests in flight and turns what the inner function returns
// into an answer.
func (in *Intake) door(name string, serve func(*http.Request) (answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := in.admit(w, r, serve)
		status := http.StatusAccepted
		if err != nil {
			status = in.refuse(w, r, name, err)
		} else {
			writeJSON(w, status, "application/json", a)
		}
		in.metrics.requests.WithLabelValues(name, strconv.Itoa(status)).Inc()
	})
}

func (in *Intake) admit(w http.ResponseWriter, r *http.Request, serve func(*http.Request) (answer, error)) (answer, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return answer{}, &problem{Status: http.StatusMethodNotAllowed, Detail: "send POST"}
	}
	select {
	case in.slots <- struct{}{}:
		defer func() { <-in.slots }()
	default:
		return answer{}, fmt.Errorf("%d requests are under way", maxInFlight)
	}
	if err := in.cfg.Ready(); err != nil {
		return answer{}, fmt.Errorf("not ready: %w", err)
	}
	return serve(r)
}

// refuse answers an error: a *problem as it is, anything else with 503, because
// the sender should try again.
func (in *Intake) refuse(w http.ResponseWriter, r *http.Request, name string, err error) int {
	var p *problem
	if !errors.As(err, &p) {
		p = &problem{Status: http.StatusServiceUnavailable, Detail: fmt.Sprintf("it can not be stored now: %v; send it again", err)}
		w.Header().Set("Retry-After", strconv.Itoa(1+rand.IntN(5)))
		in.cfg.Logger.Warn().Err(err).Str("door", name).Str("from", r.RemoteAddr).Msg("request not stored")
	}
	p.Title = http.StatusText(p.Status)
	writeJSON(w, p.Status, "application/problem+json", p)
	return p.Status
}

// deadLetter keeps what has no use now. An error means that it is not kept.
func (in *Intake) deadLetter(ctx context.Context, d triggers.DeadLetter) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	d.At = in.cfg.Now().UTC()
	if err := in.cfg.DeadLetter(ctx, d); err != nil {
		return fmt.Errorf("store a dead letter: %w", err)
	}
	in.metrics.deadLetters.WithLabelValues(string(d.Code)).Inc()
	in.cfg.Logger.Warn().Str("source", d.Source).Str("subject", d.Subject).Str("reason", d.Reason).Msg("dead letter")
	return nil
}
