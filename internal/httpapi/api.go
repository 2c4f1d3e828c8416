package httpapi

import (
	"context"
	_ "embed"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers"
)

// Engine is what the API needs of package engine.
type Engine interface {
	Names() []string
	Target(ctx context.Context, name string) (incident.Target, error)
	Policy(name string) (incident.Policy, bool)
	// Submit fills the input's World itself.
	Submit(ctx context.Context, target string, in incident.Input) (incident.Outcome, error)
	Fleet(ctx context.Context) (incident.Fleet, error)
	FreezeFleet(ctx context.Context, by incident.Person, until time.Time, reason string) error
	UnfreezeFleet(ctx context.Context, by incident.Person, reason string) error
}

// Rules says what each rule of a target says now, in file order.
type Rules interface {
	Snapshot(target string) []rules.RuleView
}

// DeadLetters is what could not be read.
type DeadLetters interface {
	// List gives up to limit letters older than before, newest first; 0 starts at
	// the newest.
	List(ctx context.Context, before uint64, limit int) ([]triggers.DeadLetter, error)
	// Show gives one; ErrNoDeadLetter when it is not there any more.
	Show(ctx context.Context, seq uint64) (triggers.DeadLetter, error)
	// Requeue hands it to the events stream again and forgets it.
	Requeue(ctx context.Context, seq uint64) error
}

// Events publishes events; nil means that they can not be lost any more.
type Events func(ctx context.Context, events []triggers.Event) error

// Config is what the API works with. Engine and Journal are needed; a route whose
// part is nil answers 404.
type Config struct {
	Engine      Engine
	Journal     journal.Journal
	Rules       Rules
	DeadLetters DeadLetters
	Publish     Events

	// Watch calls fn for every record from now on, until ctx ends.
	Watch func(ctx context.Context, fn func(journal.Stored) error) error
	// Ready gives the reasons why not, and Warnings, which do not count. Nil is
	// always ready.
	Ready func() []error
	// Reload reads the files anew; its error is shown to the caller.
	Reload func(ctx context.Context) error

	// Lookup finds a bearer token. Nil leaves the API open.
	Lookup func(token string) (Caller, bool)
	// LocalPerson is who everybody is while the API is open; empty means local.
	LocalPerson string
	// ExternalURL is how people reach the daemon, for the checks of host and origin.
	ExternalURL string

	// Ingest and Alertmanager take events in; CallerFrom tells them who sends.
	Ingest, Alertmanager http.Handler
	// Slack takes clicks. It checks Slack's signature itself.
	Slack http.Handler

	Gatherer   prometheus.Gatherer   // for /metrics
	Registerer prometheus.Registerer // of the API's own metrics
	Logger     zerolog.Logger
	// Now is time.Now, but in tests.
	Now func() time.Time
}

// api is the handler's state: none but its configuration.
type api struct {
	Config
	metrics *metrics
	origin  *http.CrossOriginProtection
	hosts   []string
	watches chan struct{} // one for each live feed
}

// maxWatches bounds the live feeds of one daemon.
const maxWatches = 128

//go:embed openapi.yaml
var openAPI []byte

// New makes the handler. It panics when ExternalURL is not a URL, which config
// has checked.
func New(cfg Config) http.Handler {
	if cfg.LocalPerson == "" {
		cfg.LocalPerson = "local"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &api{Config: cfg, metrics: newMetrics(cfg.Registerer), watches: make(chan struct{}, maxWatches)}
	a.origin, a.hosts = origins(cfg.ExternalURL)
	return mux(a, a.routes())
}

// routes is the whole API.
func (a *api) routes() []route {
	view := []Role{View}
	operate := []Role{Operate}
	all := []route{
		{method: "GET", path: "/-/healthy", open: true, serve: a.healthy},
		{method: "GET", path: "/-/ready", open: true, serve: a.ready},
		{method: "POST", path: "/-/reload", roles: operate, serve: a.reload},
		{method: "PUT", path: "/-/reload", roles: operate, serve: a.reload},

		{method: "GET", path: "/api/v1/openapi.yaml", roles: view, serve: a.openAPI},
		{method: "GET", path: "/api/v1/targets", roles: view, serve: a.targets},
		{method: "GET", path: "/api/v1/targets/{id}", roles: view, serve: a.target},
		{method: "POST", path: "/api/v1/targets/{id}:rollback", roles: operate, serve: a.rollback},
		{method: "POST", path: "/api/v1/targets/{id}:release", roles: []Role{Release}, serve: a.release},
		{method: "POST", path: "/api/v1/targets/{id}:freeze", roles: []Role{Operate, Approve}, serve: a.freeze},
		{method: "POST", path: "/api/v1/targets/{id}:unfreeze", roles: operate, serve: a.unfreeze},
		{method: "POST", path: "/api/v1/targets/{id}:quarantine", roles: operate, serve: a.quarantine},
		{method: "POST", path: "/api/v1/targets/{id}:lift", roles: operate, serve: a.lift},

		{method: "GET", path: "/api/v1/incidents", roles: view, serve: a.incidents},
		{method: "GET", path: "/api/v1/incidents/{id}", roles: view, serve: a.incident},
		{method: "POST", path: "/api/v1/incidents/{id}:approve", roles: []Role{Approve}, serve: a.approve},
		{method: "POST", path: "/api/v1/incidents/{id}:deny", roles: []Role{Approve}, serve: a.deny},
		{method: "POST", path: "/api/v1/incidents/{id}:veto", roles: []Role{Approve}, serve: a.deny},
		{method: "POST", path: "/api/v1/incidents/{id}:retry", roles: operate, serve: a.retry},
		{method: "POST", path: "/api/v1/incidents/{id}:close", roles: operate, serve: a.close},

		{method: "GET", path: "/api/v1/rules", roles: view, serve: a.rules},
		{method: "GET", path: "/api/v1/decisions", roles: view, serve: a.decisions},
		{method: "GET", path: "/api/v1/releases", roles: view, serve: a.releases},
		{method: "GET", path: "/api/v1/quarantine", roles: view, serve: a.quarantined},
		{method: "GET", path: "/api/v1/freezes", roles: view, serve: a.freezes},
		{method: "POST", path: "/api/v1/freeze", roles: []Role{Operate, Approve}, serve: a.freezeFleet},
		{method: "POST", path: "/api/v1/unfreeze", roles: operate, serve: a.unfreezeFleet},

		{method: "GET", path: "/api/v1/journal", roles: view, serve: a.export},
		{method: "GET", path: "/api/v1/journal:verify", roles: view, serve: a.verify},
	}
	if a.Watch != nil {
		all = append(all, route{method: "GET", path: "/api/v1/watch", roles: view, serve: a.watch})
	}
	return append(all, a.optional()...)
}

// optional are the routes of the parts that may be missing.
func (a *api) optional() []route {
	var all []route
	mount := func(method, path string, h http.Handler, open bool, roles ...Role) {
		if h != nil {
			all = append(all, route{method: method, path: path, open: open, roles: roles, serve: mounted(h)})
		}
	}
	mount("POST", "/api/v1/events", a.Ingest, false, Ingest, Release)
	mount("POST", "/api/v1/alertmanager", a.Alertmanager, false, Ingest)
	mount("POST", "/slack/interactivity", a.Slack, true)
	if a.Gatherer != nil {
		mount("GET", "/metrics", promhttp.HandlerFor(a.Gatherer, promhttp.HandlerOpts{}), false, View)
	}
	if a.DeadLetters != nil {
		all = append(all,
			route{method: "GET", path: "/api/v1/deadletter", roles: []Role{View}, serve: a.deadLetters},
			route{method: "GET", path: "/api/v1/deadletter/{id}", roles: []Role{View}, serve: a.deadLetter},
			route{method: "POST", path: "/api/v1/deadletter/{id}:requeue", roles: []Role{Operate}, serve: a.requeue})
	}
	return all
}

func (a *api) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(openAPI)
	return err
}

// mounted is a handler of another package as a route.
func mounted(h http.Handler) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// Server gives the handler the time-outs and limits that hold off slow and large
// requests. Live feeds and exports lift the time-outs for themselves. The caller
// sets Addr, or serves a listener.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}
