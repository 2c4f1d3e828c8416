package config

import (
	"regexp"

	"github.com/ripcord-dev/ripcord/internal/incident"
)

// NotifySlack is the kind of notifier that this build has.
const NotifySlack = "slack"

// Notifier is one way to tell people.
type Notifier struct {
	Kind string
	// Name tells it apart, also in the journal: a new name is a new reader of it.
	// The default is the kind.
	Name string
	// On are the states and entry kinds that it tells; empty means all.
	On    []string
	Slack Slack
}

// Slack are the settings of the kind slack.
type Slack struct {
	Channel       string // an id: a channel's name can be changed
	BotToken      Secret
	SigningSecret Secret // of the buttons; none: the message has no buttons
	APIURL        string // a proxy, or a stand-in in tests
	Team, AppID   string // when given, clicks from elsewhere are refused
}

var (
	channelForm = regexp.MustCompile(`^[CGD][A-Z0-9_]*$`)
	teamForm    = regexp.MustCompile(`^[TE][A-Z0-9]*$`)
	appForm     = regexp.MustCompile(`^A[A-Z0-9]*$`)
)

func (r *reader) notify(n *node, cfg *Config) {
	taken := make(map[string]bool)
	r.items(n, "notify", func(item *node) {
		kind, ok := r.kind(item, "notifier", NotifySlack)
		if !ok {
			return
		}
		c := Notifier{Kind: kind}
		r.slack(item, &c, taken)
		if c.Name == "" && valueOf(item, "name") == nil {
			r.uniqueName(&node{Kind: scalar, Value: kind, Line: item.Line, Column: item.Column}, &c.Name, taken, "notifier")
		}
		cfg.Notify = append(cfg.Notify, c)
	})
}

func (r *reader) slack(item *node, c *Notifier, taken map[string]bool) {
	s := &c.Slack
	known := fields{
		"kind":    func(*node) {},
		"name":    func(n *node) { r.uniqueName(n, &c.Name, taken, "notifier") },
		"on":      r.states(&c.On),
		"channel": r.id(&s.Channel, channelForm, "a channel's id such as C024BE91L: names can be changed, ids can not"),
		"api_url": r.link(&s.APIURL, "such as https://slack.com/api", "http", "https"),
		"team":    r.id(&s.Team, teamForm, "a team's id such as T024BE7LD"),
		"app_id":  r.id(&s.AppID, appForm, "an app's id such as A0123ABCD"),
	}
	r.secretFields(known, "bot_token", &s.BotToken)
	r.secretFields(known, "signing_secret", &s.SigningSecret)
	r.fields(item, "a notifier of kind slack", known)
	r.required(item, "the notifier", "channel")
	if s.BotToken.IsZero() && valueOf(item, "bot_token") == nil {
		r.errorAt(item, "add bot_token_file or bot_token_env", "the notifier has no bot token")
	}
	if s.SigningSecret.IsZero() && valueOf(item, "signing_secret") == nil {
		r.warnAt(item, "add signing_secret_file or signing_secret_env", "without a signing secret nobody can approve in Slack")
	}
}

func (r *reader) id(into *string, form *regexp.Regexp, hint string) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "an id")
		if !ok {
			return
		}
		if !form.MatchString(s) {
			r.errorAt(n, hint, "%q is not such an id", s)
			return
		}
		*into = s
	}
}

// states reads a list of incident states.
func (r *reader) states(into *[]string) func(*node) {
	words := []string{
		string(incident.AwaitingApproval), string(incident.VetoWindow), string(incident.Executing), string(incident.Verifying),
		string(incident.Recovered), string(incident.NotRecovered), string(incident.Denied), string(incident.Expired),
		string(incident.Superseded), string(incident.AbortedDrift), string(incident.Unverified), string(incident.Failed),
		string(incident.UnknownState),
	}
	return func(n *node) {
		r.items(n, "on", func(item *node) {
			var s string
			r.oneOf(&s, words...)(item)
			if s != "" {
				*into = append(*into, s)
			}
		})
	}
}
