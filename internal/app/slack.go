package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/ripcord-dev/ripcord/internal/config"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/notify"
	"github.com/ripcord-dev/ripcord/internal/notify/slack"
)

// slackNotifier is one configured channel; it leaves out what its `on` does not
// name.
type slackNotifier struct {
	*slack.Notifier
	on      []string
	buttons bool
}

// Notify tells an update, if the configuration wants it told.
func (s *slackNotifier) Notify(ctx context.Context, u notify.Update) error {
	if len(s.on) > 0 && !slices.ContainsFunc(u.Entries, func(e incident.Entry) bool { return slices.Contains(s.on, e.Kind) }) {
		return nil
	}
	return s.Notifier.Notify(ctx, u)
}

func (d *daemon) buildSlack() error {
	key, err := buttonKey(d.local("button.key"))
	if err != nil {
		return err
	}
	for _, n := range d.cfg.Notify {
		if n.Kind != config.NotifySlack {
			continue
		}
		notifier, err := slack.New(slack.Config{
			Name: n.Name, Channel: n.Slack.Channel, APIURL: n.Slack.APIURL, Team: n.Slack.Team, AppID: n.Slack.AppID,
			Token: n.Slack.BotToken.Read, SigningSecret: n.Slack.SigningSecret.Read, ButtonKey: key,
			Confirm: d.confirm, Link: d.link, Logger: d.log.With().Str("notifier", n.Name).Logger(),
		})
		if err != nil {
			return fmt.Errorf("notifier %s: %w", n.Name, err)
		}
		d.slacks = append(d.slacks, &slackNotifier{Notifier: notifier, on: n.On, buttons: !n.Slack.SigningSecret.IsZero()})
	}
	return nil
}

// buttonKey reads the key that seals the buttons, or makes it.
func buttonKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil && len(key) >= 32 {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the key of the buttons: %w", err)
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if err := os.WriteFile(path, key, 0o600); err != nil {
		return nil, fmt.Errorf("write the key of the buttons: %w", err)
	}
	return key, nil
}

// confirm writes a confirmed message into the journal.
func (d *daemon) confirm(ctx context.Context, target, id, notifier string, post incident.Post) error {
	_, err := d.engine.Submit(ctx, target, incident.Posted{Incident: id, Notifier: notifier, Post: post})
	return err
}

// link is where a person reads about an incident; empty when the daemon has no
// address that others can reach.
func (d *daemon) link(id string) string {
	if d.cfg.Web.ExternalURL == "" {
		return ""
	}
	return strings.TrimRight(d.cfg.Web.ExternalURL, "/") + "/api/v1/incidents/" + id
}

// click brings a person's answer from Slack to the target's loop.
func (d *daemon) click(ctx context.Context, c slack.Click) (string, error) {
	target, ok := targetOf(c.Incident)
	if !ok {
		return "", &incident.Refused{Code: incident.NotFound, Text: fmt.Sprintf("there is no incident %q", c.Incident)}
	}
	var in incident.Input = incident.Deny{Incident: c.Incident, By: c.By, Digest: c.Digest, Revision: c.Revision}
	if c.Approve {
		in = incident.Approve{Incident: c.Incident, By: c.By, Digest: c.Digest, Revision: c.Revision}
	}
	_, err := d.engine.Submit(ctx, target, in)
	return "", err
}

// targetOf is the target of an incident's id, <target>-<number>.
func targetOf(id string) (string, bool) {
	at := strings.LastIndexByte(id, '-')
	if at <= 0 {
		return "", false
	}
	return id[:at], true
}

// people knows who a Slack user is, by the ids alone.
type people struct{ cfg *config.Config }

// BySlack finds the one person of that team and user.
func (p people) BySlack(team, user string) (incident.Person, bool) {
	for name, person := range p.cfg.People {
		if person.Slack == team+"/"+user {
			return incident.Person{Name: name, Groups: person.Groups, Via: "slack"}, true
		}
	}
	return incident.Person{}, false
}

// slackDoor takes the clicks of the first channel that has a signing secret.
func (d *daemon) slackDoor() http.Handler {
	for _, s := range d.slacks {
		if s.buttons {
			return s.Interactivity(d.click, people{d.cfg})
		}
	}
	return nil
}
