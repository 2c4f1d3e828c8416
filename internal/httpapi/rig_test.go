package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers"
)

// engine is the state machine and a journal without the loop: effects are left to
// the test.
type engine struct {
	mu       sync.Mutex
	policies map[string]incident.Policy
	states   map[string]incident.Target
	fleet    incident.Fleet
	journal  *journal.Memory
	down     error // what every call answers, when set
	now      time.Time
}

func (e *engine) Names() []string {
	names := make([]string, 0, len(e.policies))
	for name := range e.policies {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (e *engine) Target(_ context.Context, name string) (incident.Target, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.states[name], e.down
}

func (e *engine) Policy(name string) (incident.Policy, bool) {
	p, ok := e.policies[name]
	return p, ok
}

func (e *engine) Submit(ctx context.Context, target string, in incident.Input) (incident.Outcome, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down != nil {
		return incident.Outcome{}, e.down
	}
	in = incident.WithWorld(in, incident.World{Granted: true})
	out, err := e.policies[target].Step(e.states[target], in, e.now)
	if err != nil || len(out.Entries) == 0 {
		return out, err
	}
	if err := e.write(ctx, target, out.Entries, out.State); err != nil {
		return out, err
	}
	e.states[target] = out.State
	return out, nil
}

func (e *engine) write(ctx context.Context, target string, entries, state any) error {
	head, err := e.journal.Head(ctx, target)
	if err != nil {
		return err
	}
	rawEntries, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	rawState, err := json.Marshal(state)
	if err != nil {
		return err
	}
	_, err = e.journal.Append(ctx, head, journal.Record{Target: target, At: e.now, Writer: "test", Entries: rawEntries, State: rawState})
	return err
}

func (e *engine) Fleet(context.Context) (incident.Fleet, error) { return e.fleet, e.down }

func (e *engine) FreezeFleet(ctx context.Context, by incident.Person, until time.Time, reason string) error {
	next, entry, err := e.fleet.SetFreeze(by, e.now, until, reason)
	return e.setFleet(ctx, next, entry, err)
}

func (e *engine) UnfreezeFleet(ctx context.Context, by incident.Person, reason string) error {
	next, entry, err := e.fleet.Unfreeze(by, e.now, reason)
	return e.setFleet(ctx, next, entry, err)
}

func (e *engine) setFleet(ctx context.Context, next incident.Fleet, entry incident.Entry, err error) error {
	if err := errors.Join(err, e.down); err != nil {
		return err
	}
	e.fleet = next
	return e.write(ctx, incident.FleetName, []incident.Entry{entry}, next)
}

func (e *engine) Snapshot(target string) []rules.RuleView {
	return []rules.RuleView{
		{Rule: "errors", Group: target, Target: target, Version: "v2", Mode: rules.Auto, State: rules.Firing, Truth: rules.True, Reason: "0.4 is above 0.1", Since: e.now},
		{Rule: "latency", Group: target, Target: target, Version: "v2", State: rules.Insufficient, Truth: rules.Unknown, Reason: "3 samples of 100"},
	}
}

// letters is a dead letter stream.
type letters struct {
	mu  sync.Mutex
	all []triggers.DeadLetter // oldest first
}

func (l *letters) List(_ context.Context, before uint64, limit int) ([]triggers.DeadLetter, error) {
	var page []triggers.DeadLetter
	for _, d := range slices.Backward(l.all) {
		if (before == 0 || d.Seq < before) && len(page) < limit {
			page = append(page, d)
		}
	}
	return page, nil
}

func (l *letters) Show(_ context.Context, seq uint64) (triggers.DeadLetter, error) {
	for _, d := range l.all {
		if d.Seq == seq {
			return d, nil
		}
	}
	return triggers.DeadLetter{}, fmt.Errorf("%w: %d", ErrNoDeadLetter, seq)
}

func (l *letters) Requeue(ctx context.Context, seq uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.Show(ctx, seq); err != nil {
		return err
	}
	l.all = slices.DeleteFunc(l.all, func(d triggers.DeadLetter) bool { return d.Seq == seq })
	return nil
}

// rig is the API on a real listener, with a target fraud that has an incident
// awaiting approval and a target shop that has none.
type rig struct {
	engine  *engine
	letters *letters
	cfg     Config
	url     string
	mu      sync.Mutex
	events  []triggers.Event
	ready   []error
}

var began = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	policy := func(name string) incident.Policy {
		return incident.Policy{
			Target: name, Mode: rules.Auto, Approvers: []string{"group:oncall", "zoe"}, Quorum: 1,
			Expires: 15 * time.Minute, Veto: 5 * time.Minute, Attribution: 72 * time.Hour,
			Stages: []incident.Stage{{Name: "link", Stable: time.Minute, Within: 5 * time.Minute, Steps: []incident.StepRef{{ID: "link/0", Kind: "files/link", Timeout: time.Second}}}},
			Guards: incident.Guards{KnownGoodAfter: time.Hour, PerTarget: incident.Rate{N: 9, Per: time.Hour}, MaxEventAge: time.Hour},
		}
	}
	r := &rig{letters: &letters{}}
	r.engine = &engine{
		policies: map[string]incident.Policy{"fraud": policy("fraud"), "shop": policy("shop")},
		states:   map[string]incident.Target{}, journal: journal.NewMemory(), now: began,
	}
	for _, name := range r.engine.Names() {
		r.engine.states[name] = incident.Target{Name: name, Ledger: []incident.Release{
			{Version: "v1", Since: began.Add(-100 * time.Hour), Until: began.Add(-10 * time.Minute), Known: 1},
			{Version: "v2", Since: began.Add(-10 * time.Minute), Known: -1, Actor: "eve"},
		}}
	}
	for seq := uint64(1); seq <= 5; seq++ {
		r.letters.all = append(r.letters.all, triggers.DeadLetter{
			Seq: seq, At: began, Code: triggers.DeadUnresolved, Reason: "no target is called payments", Subject: "ripcord.events.alert.payments", Source: "am", Body: []byte{'{', '}', byte(0xf9 + seq)},
		})
	}
	registry := prometheus.NewRegistry()
	r.cfg = Config{
		Engine: r.engine, Journal: r.engine.journal, Rules: r.engine, DeadLetters: r.letters,
		Publish: func(_ context.Context, events []triggers.Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, events...)
			return r.engine.down
		},
		Watch: func(ctx context.Context, fn func(journal.Stored) error) error {
			return r.engine.journal.Follow(ctx, "watch", func(_ context.Context, s journal.Stored) error { return fn(s) })
		},
		Ready:        func() []error { return r.ready },
		Reload:       func(context.Context) error { return nil },
		Ingest:       http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }),
		Alertmanager: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }),
		Slack:        http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		Gatherer:     registry, Registerer: registry,
		Now: func() time.Time { return r.engine.now },
	}
	if change != nil {
		change(&r.cfg)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = Server(New(r.cfg))
	server.Start()
	t.Cleanup(server.Close)
	r.url = server.URL
	r.submit(t, "fraud", incident.Rollback{By: incident.Person{Name: "robo", Groups: []string{"oncall"}, Robot: true, Via: "http"}, Reason: "a drill"})
	r.plan(t, "fraud")
	return r
}

func (r *rig) submit(t *testing.T, target string, in incident.Input) incident.Outcome {
	t.Helper()
	out, err := r.engine.Submit(t.Context(), target, in)
	if err != nil {
		t.Fatalf("submit %T: %v", in, err)
	}
	return out
}

// plan answers the open incident's wish for a plan.
func (r *rig) plan(t *testing.T, target string) {
	t.Helper()
	inc := r.engine.states[target].Incident
	plan := actions.Plan{
		Target: target, Incident: inc.ID, Stage: "link", From: "v2", To: "v1", Expires: r.engine.now.Add(time.Hour),
		Steps: []actions.Step{{ID: "link/0", Kind: "files/link", Place: "/srv/current", From: actions.Revision{Rev: "v2"}, To: actions.Revision{Rev: "v1"}, Class: actions.ClassA, Text: "switch the link"}},
	}
	plan.Seal()
	r.submit(t, target, incident.PlanMade{Plan: plan})
}

// open is the incident of fraud as it stands.
func (r *rig) open(t *testing.T) client.Summary {
	t.Helper()
	s := client.Summarize(r.engine.states["fraud"].Incident)
	if s == nil || s.State != incident.AwaitingApproval {
		t.Fatalf("fraud has no incident that awaits approval: %+v", s)
	}
	return *s
}

// client is a client whose answers are held against the OpenAPI document.
func (r *rig) client(t *testing.T, token string) *client.Client {
	c := client.New(r.url, token)
	c.HTTP.Transport = checked{t, document(t)}
	return c
}

// send is one request by hand, its answer held against the document.
func (r *rig) send(t *testing.T, method, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := checked{t, document(t)}.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

// checked fails the test on an answer that the OpenAPI document does not allow,
// and on a request that it does not allow and the API took.
type checked struct {
	t      *testing.T
	router routers.Router
}

func (c checked) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || req.Method == http.MethodHead || resp.Header.Get("Content-Type") == "text/event-stream" {
		return resp, err
	}
	answer, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	if err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	again.URL.Scheme, again.URL.Host, again.Host = "http", "ripcord", "ripcord"
	route, params, err := c.router.FindRoute(again)
	if err != nil {
		if resp.StatusCode < 400 {
			c.t.Errorf("%s %s is not in openapi.yaml: %v", req.Method, req.URL.Path, err)
		}
		return resp, nil
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true, IncludeResponseStatus: true}
	in := &openapi3filter.RequestValidationInput{Request: again, PathParams: params, Route: route, Options: options}
	if resp.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil {
			c.t.Errorf("%s %s: the API took what openapi.yaml forbids: %v", req.Method, req.URL.Path, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: options}
	out.SetBodyBytes(answer)
	if err := openapi3filter.ValidateResponse(req.Context(), out); err != nil {
		c.t.Errorf("%s %s → %d: openapi.yaml does not allow the answer: %v\n%s", req.Method, req.URL.Path, resp.StatusCode, err, answer)
	}
	return resp, nil
}

var loadDocument = sync.OnceValues(func() (routers.Router, error) {
	for _, media := range []string{"application/jsonl", "application/yaml"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.RegisteredBodyDecoder("text/plain"))
	}
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

func document(t *testing.T) routers.Router {
	t.Helper()
	router, err := loadDocument()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return router
}
