// Package app is the wiring: the one place that names concrete types. Run is the
// daemon, whole; main, the demo and the tests all run this.
package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/config"
	"github.com/ripcord-dev/ripcord/internal/engine"
	"github.com/ripcord-dev/ripcord/internal/httpapi"
	"github.com/ripcord-dev/ripcord/internal/journal/natsjournal"
	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers/deadletter"
	"github.com/ripcord-dev/ripcord/triggers/foreign"
	"github.com/ripcord-dev/ripcord/triggers/jetstream"
)

// Options are what Run needs.
type Options struct {
	Config   *config.Config
	Logger   zerolog.Logger
	Registry *prometheus.Registry
	// Listening is called with the address once the API answers; it may be nil.
	Listening func(addr string)
}

// daemon is everything that runs, made in the order of its fields.
type daemon struct {
	cfg      *config.Config
	log      zerolog.Logger
	registry *prometheus.Registry

	rules   *ruleStore
	cluster *cluster.Cluster
	journal *natsjournal.Journal
	engine  *engine.Engine
	worker  *engine.Worker
	reader  *jetstream.Reader
	letters *deadletter.Box
	foreign []*foreign.Source
	slacks  []*slackNotifier
	server  *http.Server
}

// Run runs the daemon until ctx ends: it then stops taking in, lets calls that
// are under way end, and closes the store. An error that the files cause is a
// diag.Problems.
func Run(ctx context.Context, opts Options) error {
	d := &daemon{cfg: opts.Config, log: opts.Logger, registry: opts.Registry}
	d.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector("ripcord"))
	if err := d.build(ctx); err != nil {
		return err
	}
	defer d.cluster.Close()
	listener, err := net.Listen("tcp", d.cfg.Web.Listen)
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	for _, secret := range d.cfg.Secrets() {
		if why := secret.Exposed(); why != "" {
			d.log.Warn().Msg(why)
		}
	}
	d.log.Info().Str("version", version.Info()).Str("url", "http://"+listener.Addr().String()).
		Int("targets", len(d.cfg.Targets)).Int("rules", d.rules.set().Count()).Msg("ripcord is running")
	if opts.Listening != nil {
		opts.Listening(listener.Addr().String())
	}
	return d.run(ctx, listener)
}

// build makes every part; nothing runs yet but the embedded store.
func (d *daemon) build(ctx context.Context) error {
	var err error
	if d.rules, err = newRuleStore(d.cfg, d.log, d.registry); err != nil {
		return err
	}
	built, err := buildActions(d.cfg)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.cfg.Data.Dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := d.openStore(ctx); err != nil {
		return err
	}
	d.engine = engine.New(engine.Config{
		Journal: d.journal, Policies: d.cfg.Policies(), Actions: built, Identity: d.cfg.Identities(),
		Announce: d.publishOne, Holds: d.holds, Known: d.known,
		Switch: fileSwitch(d.cfg.SwitchFile), Fuse: d.cfg.Guards.Fleet,
		Incarnation: d.journal.Incarnation(), Writer: writer(), Logger: d.log, Registerer: d.registry,
	})
	d.worker = engine.NewWorker(d.engine, rules.NewEvaluator(d.rules.set(), rules.Config{}))
	d.rules.use(d.worker)
	if err := d.buildSlack(); err != nil {
		d.cluster.Close()
		return err
	}
	d.buildReader()
	d.buildForeign()
	handler, err := d.buildAPI()
	if err != nil {
		d.cluster.Close()
		return err
	}
	d.server = httpapi.Server(handler)
	return nil
}

// openStore opens the log and the journal on it.
func (d *daemon) openStore(ctx context.Context) error {
	token, err := optional(d.cfg.NATS.Token)
	if err != nil {
		return err
	}
	d.cluster, err = cluster.Open(ctx, cluster.Config{
		Dir: d.cfg.Data.Dir, Listen: d.cfg.Data.Listen, MaxBytes: d.cfg.Data.MaxBytes / 2, MinFree: d.cfg.Data.MinFree,
		URL: d.cfg.NATS.URL, CredsFile: d.cfg.NATS.CredsFile, NKeyFile: d.cfg.NATS.NKeyFile, Token: token,
		CAFile: d.cfg.NATS.CAFile, CertFile: d.cfg.NATS.CertFile, KeyFile: d.cfg.NATS.KeyFile, Replicas: d.cfg.NATS.Replicas,
		Logger: d.log,
	})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	if damaged := lost(d.cluster.Quarantined()); len(damaged) > 0 {
		reason := fmt.Sprintf("the store was damaged and begins anew without %s: look, then remove this file", strings.Join(damaged, ", "))
		if err := engage(d.cfg.SwitchFile, reason); err != nil {
			d.cluster.Close()
			return err
		}
	}
	d.journal, err = natsjournal.Open(ctx, d.cluster.JetStream(), natsjournal.Config{
		Replicas: d.cfg.NATS.Replicas, Writer: writer(), MaxBytes: d.cfg.Data.MaxBytes / 4, Logger: d.log,
	})
	if err != nil {
		d.cluster.Close()
		return fmt.Errorf("open the journal: %w", err)
	}
	return nil
}

// warmup is how far back the windows are filled at start.
const warmup = 24 * time.Hour

// buildReader makes the reader of the events stream and the box of what it can
// not use.
func (d *daemon) buildReader() {
	js := d.cluster.JetStream()
	d.letters = deadletter.New(deadletter.Config{
		JS: js, Stream: cluster.DeadLetterStream, EventsStream: cluster.EventsStream, KnownTarget: d.cfg.KnownTarget,
	})
	d.reader = jetstream.New(jetstream.Config{
		JS: js, Stream: cluster.EventsStream, Durable: "ripcord-eval", KnownTarget: d.cfg.KnownTarget,
		DeadLetter: d.letters.Put, Warmup: warmup, WantTick: d.worker.Next, Tick: time.Second,
		Logger: d.log, Registerer: d.registry,
	})
}

// optional gives a secret's reader; nil when none is configured.
func optional(s config.Secret) (func() (string, error), error) {
	if s.IsZero() {
		return nil, nil
	}
	if _, err := s.Read(); err != nil {
		return nil, err
	}
	return s.Read, nil
}

// writer says who writes, for people who read the journal.
func writer() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	return fmt.Sprintf("ripcord %s on %s, process %d", orDev(version.Version), host, os.Getpid())
}

func orDev(v string) string {
	if v == "" {
		return "dev"
	}
	return v
}

// run runs every part until ctx ends or one fails. The doors close first, so that
// nothing new comes in while the rest ends.
func (d *daemon) run(ctx context.Context, listener net.Listener) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, inner := errgroup.WithContext(inner)
	group.Go(func() error { return ended(inner, d.cluster.Run(inner)) })
	group.Go(func() error { return ended(inner, d.engine.Run(inner)) })
	group.Go(func() error { return ended(inner, d.reader.Run(inner, d.handle)) })
	group.Go(func() error { return ended(inner, d.rules.watch(inner)) })
	for _, s := range d.foreign {
		group.Go(func() error { return s.Run(inner) })
	}
	for _, s := range d.slacks {
		group.Go(func() error { return ended(inner, engine.Outbox{Journal: d.journal, Notifier: s}.Run(inner)) })
	}
	group.Go(func() error { return d.serve(listener) })
	group.Go(func() error {
		select {
		case <-ctx.Done():
		case <-inner.Done():
		}
		d.log.Info().Msg("ending: the doors close")
		d.close()
		stop()
		return nil
	})
	return group.Wait()
}

// ended is err, unless it only says that ctx ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || err == nil) {
		return nil
	}
	return err
}

// close shuts the HTTP door; requests that are under way may end.
func (d *daemon) close() {
	grace, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := d.server.Shutdown(grace); err != nil {
		_ = d.server.Close() // live feeds do not end by themselves
	}
	for _, s := range d.slacks {
		s.Close(grace)
	}
}

// handle feeds one message of the log to the rules.
func (d *daemon) handle(ctx context.Context, b jetstream.Batch) error {
	return d.worker.Handle(ctx, b.Stored, b.Events, b.Replay)
}

func (d *daemon) holds(target string) []rules.Decision { return d.worker.Holds(target) }

func (d *daemon) known(target, version string) float64 { return d.worker.Known(target, version) }

// local is a file of this machine's own beside the store.
func (d *daemon) local(name string) string { return filepath.Join(d.cfg.Data.Dir, name) }
