package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/exporter-toolkit/web"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/internal/config"
	"github.com/ripcord-dev/ripcord/internal/httpapi"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/triggers"
	"github.com/ripcord-dev/ripcord/triggers/deadletter"
	"github.com/ripcord-dev/ripcord/triggers/foreign"
	"github.com/ripcord-dev/ripcord/triggers/httpin"
)

// buildAPI makes the HTTP door: the API, the intake behind it, and Slack's clicks.
func (d *daemon) buildAPI() (http.Handler, error) {
	sources, err := d.alertSources()
	if err != nil {
		return nil, err
	}
	intake := httpin.New(httpin.Config{
		Publish: d.publish, DeadLetter: d.letters.Put, KnownTarget: d.cfg.KnownTarget, Sources: sources,
		Ready:      d.cluster.Ready,
		MayRelease: func(r *http.Request) bool { return httpapi.CallerFrom(r.Context()).May(httpapi.Release) },
		Logger:     d.log, Registerer: d.registry,
	})
	lookup, err := d.lookup()
	if err != nil {
		return nil, err
	}
	return httpapi.New(httpapi.Config{
		Engine: d.engine, Journal: d.journal, Rules: d.worker, DeadLetters: letters{d.letters}, Publish: d.publishAll,
		Watch: d.watch, Ready: d.ready, Reload: d.rules.Reload, Lookup: lookup, ExternalURL: d.cfg.Web.ExternalURL,
		Ingest: intake.Events(), Alertmanager: intake.Alertmanager(), Slack: d.slackDoor(),
		Gatherer: d.registry, Registerer: d.registry, Logger: d.log,
	}), nil
}

// buildForeign makes the readers of streams that were not made for Ripcord.
func (d *daemon) buildForeign() {
	for _, s := range d.cfg.Sources {
		if s.Kind != config.SourceNATS {
			continue
		}
		var places triggers.Places
		if s.Target.SubjectToken > 0 {
			places = triggers.Places{{Kind: triggers.PlaceSubject, Token: s.Target.SubjectToken}}
		}
		for _, field := range s.Target.Fields {
			places = append(places, triggers.Place{Kind: triggers.PlaceData, Name: field})
		}
		d.foreign = append(d.foreign, foreign.New(foreign.Config{
			JS: d.cluster.JetStream(), Subject: s.Subject, KnownTarget: d.cfg.KnownTarget,
			Shape: triggers.Foreign{Name: s.Name, Type: s.Type, Target: places, Version: s.Version, Time: s.Time},
			Sink:  d.publishAll, DeadLetter: d.letters.Put, Logger: d.log,
		}))
	}
}

// alertSources are the configured Alertmanagers.
func (d *daemon) alertSources() ([]httpin.Source, error) {
	var sources []httpin.Source
	for _, s := range d.cfg.Sources {
		if s.Kind != config.SourceAlertmanager {
			continue
		}
		var spec []any
		for _, field := range s.Target.Fields {
			spec = append(spec, field)
		}
		places := triggers.DefaultPlaces()
		if len(spec) > 0 {
			var err error
			if places, err = triggers.ParsePlaces(spec); err != nil {
				return nil, fmt.Errorf("%s: source %s: %w", d.cfg.File, s.Name, err)
			}
		}
		sources = append(sources, httpin.Source{Name: s.Name, Places: places})
	}
	return sources, nil
}

// lookup finds bearer tokens; nil leaves the API open.
func (d *daemon) lookup() (func(string) (httpapi.Caller, bool), error) {
	if d.cfg.Web.TokensFile == "" {
		return nil, nil
	}
	tokens, problems := config.LoadTokens(d.cfg.Web.TokensFile, d.cfg.People)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return func(secret string) (httpapi.Caller, bool) {
		t, ok := tokens.Lookup(secret)
		if !ok {
			return httpapi.Caller{}, false
		}
		caller := httpapi.Caller{Person: incident.Person{Name: t.Name, Robot: t.Robot, Via: "http"}}
		if !t.Robot {
			caller.Person.Name, caller.Person.Groups = t.Person, d.cfg.People[t.Person].Groups
		}
		for _, role := range t.Roles {
			caller.Roles = append(caller.Roles, httpapi.Role(role))
		}
		return caller, true
	}, nil
}

// letters is the box of dead letters as the API knows it.
type letters struct{ box *deadletter.Box }

func (l letters) List(ctx context.Context, before uint64, limit int) ([]triggers.DeadLetter, error) {
	found, _, err := l.box.List(ctx, before, limit)
	list := make([]triggers.DeadLetter, 0, len(found))
	for _, letter := range found {
		list = append(list, letter.DeadLetter)
	}
	return list, err
}

func (l letters) Show(ctx context.Context, seq uint64) (triggers.DeadLetter, error) {
	letter, err := l.box.Show(ctx, seq)
	if errors.Is(err, deadletter.ErrNotFound) {
		err = fmt.Errorf("%w: %d", httpapi.ErrNoDeadLetter, seq)
	}
	return letter.DeadLetter, err
}

func (l letters) Requeue(ctx context.Context, seq uint64) error {
	err := l.box.Requeue(ctx, seq, "")
	switch {
	case errors.Is(err, deadletter.ErrNotFound):
		return fmt.Errorf("%w: %d", httpapi.ErrNoDeadLetter, seq)
	case errors.Is(err, deadletter.ErrRequeued), errors.Is(err, deadletter.ErrNoWay):
		return &incident.Refused{Code: incident.Conflict, Text: err.Error()}
	}
	return err
}

// watch follows the journal from its present end, for as long as ctx lasts.
func (d *daemon) watch(ctx context.Context, fn func(journal.Stored) error) error {
	return d.journal.Watch(ctx, fn)
}

// ready is every reason why the daemon should get no traffic, and, as warnings,
// what is wrong without stopping it.
func (d *daemon) ready() []error {
	var reasons []error
	for _, err := range []error{d.cluster.Ready(), d.reader.Ready(), d.engine.Ready()} {
		if err != nil {
			reasons = append(reasons, err)
		}
	}
	if err := d.rules.warning(); err != nil {
		reasons = append(reasons, httpapi.Warning{Text: err.Error()})
	}
	for _, s := range d.foreign {
		if err := s.Health(); err != nil {
			reasons = append(reasons, httpapi.Warning{Text: err.Error()})
		}
	}
	for _, s := range d.slacks {
		if err := s.Health(); err != nil {
			reasons = append(reasons, httpapi.Warning{Text: fmt.Sprintf("notifier %s: %v", s.Name(), err)})
		}
	}
	return reasons
}

// serve answers requests until the server is shut; with a web configuration file
// over TLS.
func (d *daemon) serve(listener net.Listener) error {
	none := ""
	flags := &web.FlagConfig{WebConfigFile: &none}
	if d.cfg.Web.ConfigFile != "" {
		flags.WebConfigFile = &d.cfg.Web.ConfigFile
	}
	err := web.Serve(listener, d.server, flags, slog.New(zerolog.NewSlogHandler(d.log.Level(zerolog.WarnLevel))))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the API: %w", err)
}
