// Package slack tells incidents in a Slack channel and takes the answers.
//
// Each incident has one message, its head, that always shows where the incident
// stands, and a thread below it that tells the story. The way out goes through
// Notify, called by the outbox; the way in is the handler of Interactivity, which
// trusts nothing but Slack's signature, our own seal on the button, and the list
// of people. The two meet only in the journal: a click is an input to the engine,
// and the head changes when the record of it comes back through the outbox.
//
// Slack is at least once. What was posted is found again in three ways: in
// memory, in the incident's Posts, and, when neither knows, in the channel itself
// by the metadata that every message of ours carries.
package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"
	"golang.org/x/time/rate"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/notify"
)

// Config is what a Notifier needs. Team, AppID, Link and Logger may be zero.
type Config struct {
	Name    string // under which its messages stand in an incident's Posts
	Channel string // the channel's id
	// APIURL is the Web API; empty means Slack's own.
	APIURL string
	// Token and SigningSecret are read at every use, so that both can be rotated
	// under a running daemon.
	Token         func() (string, error)
	SigningSecret func() (string, error)
	// ButtonKey seals the buttons' values; at least 32 random bytes that outlive a
	// restart.
	ButtonKey []byte
	// Team and AppID pin where clicks may come from; empty means anywhere that
	// knows the signing secret.
	Team, AppID string
	Confirm     notify.Confirm
	Link        func(incidentID string) string
	Logger      zerolog.Logger
	// HTTP sends the requests; nil means a client of its own with a time-out of
	// ten seconds.
	HTTP *http.Client
}

// Notifier is one Slack channel. Its methods may be called from several
// goroutines; Notify takes one update at a time.
type Notifier struct {
	cfg     Config
	log     zerolog.Logger
	turn    chan struct{} // holds the one who talks to the channel
	pace    *rate.Limiter
	hold    time.Time // Slack asked for silence until then
	memory  memory
	started time.Time
	health  health
	clicks  *clicks
}

var _ notify.Notifier = (*Notifier)(nil)

// Slack takes about one message a second in a channel, and short bursts.
const (
	perSecond = 1
	burst     = 4
)

// New checks a configuration; it does not talk to Slack.
func New(cfg Config) (*Notifier, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("slack notifier %q: %w", cfg.Name, err)
	}
	if cfg.APIURL == "" {
		cfg.APIURL = slack.APIURL
	}
	cfg.APIURL = strings.TrimSuffix(cfg.APIURL, "/") + "/"
	if cfg.HTTP == nil {
		cfg.HTTP = client()
	}
	return &Notifier{
		cfg:     cfg,
		log:     cfg.Logger.With().Str("notifier", cfg.Name).Logger(),
		turn:    make(chan struct{}, 1),
		pace:    rate.NewLimiter(perSecond, burst),
		memory:  newMemory(),
		started: time.Now(),
		clicks:  newClicks(),
	}, nil
}

func (c Config) check() error {
	var problems []error
	want := func(ok bool, problem string) {
		if !ok {
			problems = append(problems, errors.New(problem))
		}
	}
	want(c.Name != "", "a name is needed")
	want(c.Channel != "", "a channel is needed")
	want(c.Token != nil, "a bot token is needed")
	want(c.SigningSecret != nil, "a signing secret is needed")
	want(len(c.ButtonKey) >= 32, "the button key must have at least 32 bytes")
	want(c.Confirm != nil, "a way to confirm posts is needed")
	return errors.Join(problems...)
}

// client never follows a redirect: the request's body holds the token.
func client() *http.Client {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment} // somebody has replaced the default
	}
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     transport.Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Name is the notifier's name in Posts.
func (n *Notifier) Name() string { return n.cfg.Name }

// Health reports a refusal of Slack's that needs a person: a revoked token, a
// missing scope, a channel that is gone. It is nil again once a call succeeds.
func (n *Notifier) Health() error { return n.health.err() }

// Check asks Slack whether the token is good and belongs to the pinned team.
func (n *Notifier) Check(ctx context.Context) error {
	return n.once(ctx, "auth.test", func(ctx context.Context, api *slack.Client) error {
		who, err := api.AuthTestContext(ctx)
		if err == nil && n.cfg.Team != "" && who.TeamID != n.cfg.Team {
			return fmt.Errorf("the token belongs to team %s, not to %s", who.TeamID, n.cfg.Team)
		}
		return err
	})
}

// Close takes no more clicks, waits for those under way, at most until ctx ends,
// then cancels them, and drops idle connections.
func (n *Notifier) Close(ctx context.Context) {
	n.clicks.close(ctx)
	n.cfg.HTTP.CloseIdleConnections()
}

// Notify tells one update: the head first, since people act on it, then a line in
// its thread. It returns an error when something of it was not confirmed; the
// same update may then be given again, and what was said is not said twice.
func (n *Notifier) Notify(ctx context.Context, u notify.Update) error {
	m := notify.Render(u, n.cfg.Link)
	if m.Empty() {
		return nil
	}
	select {
	case n.turn <- struct{}{}:
		defer func() { <-n.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the turn in channel %s: %w", n.cfg.Channel, ctx.Err())
	}
	if u.Incident == nil {
		return n.note(ctx, u, m)
	}
	if !u.Latest {
		m.Ask = nil // its plan may be answered already
	}
	t, err := n.head(ctx, u, m)
	if err != nil {
		return err
	}
	if err := n.confirm(ctx, u, m, t); err != nil {
		return err
	}
	return n.tell(ctx, u, m, t)
}

// confirm writes the head into the journal: its place once, and once for each
// question that it shows, because a veto window starts with it.
func (n *Notifier) confirm(ctx context.Context, u notify.Update, m notify.Message, t *thread) error {
	question := ""
	if m.Ask != nil {
		question = string(m.State) + m.Ask.Digest
	}
	if t.confirmed && (question == "" || question == t.question) {
		return nil
	}
	post := incident.Post{Channel: t.channel, TS: t.ts, Revision: t.shown}
	var err error
	if u.Incident.Posts[n.cfg.Name] != post {
		err = n.cfg.Confirm(ctx, u.Target, u.Incident.ID, n.cfg.Name, post)
	}
	if no := (*incident.Refused)(nil); errors.As(err, &no) {
		n.log.Warn().Str("incident", m.Incident).Str("refused", no.Text).Msg("the journal does not want the place of a message")
		err = nil // such as an incident that is over and followed: asking again changes nothing
	}
	if err != nil {
		return fmt.Errorf("confirm the post of %s: %w", u.Incident.ID, err)
	}
	t.confirmed, t.question = true, question
	return nil
}
