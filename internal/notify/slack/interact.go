package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/slack-go/slack"

	"github.com/ripcord-dev/ripcord/internal/crashpoint"
	"github.com/ripcord-dev/ripcord/internal/incident"
)

// Click is one person's answer to one plan, authenticated and mapped to a person
// but not yet authorised: whether the person may is the state machine's to say.
type Click struct {
	Incident string
	Revision int
	Digest   string
	Approve  bool
	By       incident.Person
}

// Decide brings a click to the engine and waits for its record. answer is shown
// to the one who clicked and may be empty. An *incident.Refused error is told to
// them in its own words; any other as "not recorded".
type Decide func(ctx context.Context, c Click) (answer string, err error)

// People knows who a Slack user is. Only the ids of team and user count: names
// and addresses can be changed by their owner.
type People interface {
	BySlack(team, user string) (incident.Person, bool)
}

const (
	// maxBody bounds a request. Slack sends the clicked message along, and 9,000
	// characters of it may take sixteen bytes each: as surrogate escapes, percent-encoded.
	maxBody = 256 << 10
	// inTime is how long Slack's request waits for the work; Slack gives up at 3 s.
	inTime = 2500 * time.Millisecond
)

// Interactivity serves POST /slack/interactivity. Every signed request is
// answered within three seconds, with an empty 200 where it was understood; what
// there is to say goes to the person alone, and the message changes when the
// journal does.
func (n *Notifier) Interactivity(decide Decide, people People) http.Handler {
	return &interactivity{n: n, decide: decide, people: people}
}

type interactivity struct {
	n      *Notifier
	decide Decide
	people People
	seen   seen
}

func (h *interactivity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem(w, http.StatusMethodNotAllowed)
		return
	}
	body, status := h.authentic(w, r)
	if status != 0 {
		problem(w, status)
		return
	}
	crashpoint.Hit("approve.after_verify")
	in, err := parse(body)
	if err != nil {
		h.n.log.Warn().Err(err).Msg("cannot read an interaction of Slack's")
		problem(w, http.StatusBadRequest)
		return
	}
	if !h.ours(in) {
		h.n.log.Warn().Str("team", in.Team.ID).Str("app", in.App).Msg("refused a click of another workspace or app")
		problem(w, http.StatusForbidden)
		return
	}
	act, ok := in.action()
	if !ok || !h.seen.first(r.Header.Get("X-Slack-Request-Timestamp")+r.Header.Get("X-Slack-Signature"), time.Now()) {
		return // not for us, or a copy: an empty 200
	}
	done := h.n.clicks.do(func(ctx context.Context) { h.click(ctx, in, act) })
	if done == nil {
		problem(w, http.StatusServiceUnavailable)
		return
	}
	timer := time.NewTimer(inTime)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// authentic reads the raw body and checks its signature before anything looks
// inside. A status other than zero is the answer.
func (h *interactivity) authentic(w http.ResponseWriter, r *http.Request) (body []byte, status int) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if big := (*http.MaxBytesError)(nil); errors.As(err, &big) {
		return nil, http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return nil, http.StatusBadRequest
	}
	secret, err := h.n.cfg.SigningSecret()
	if err != nil {
		h.n.log.Error().Err(err).Msg("cannot read Slack's signing secret, no click can be checked")
		return nil, http.StatusServiceUnavailable
	}
	if err := Verify(secret, r.Header, body, time.Now()); err != nil {
		h.n.log.Warn().Err(err).Str("remote", r.RemoteAddr).Msg("refused a request to the interactivity address")
		return nil, http.StatusUnauthorized
	}
	return body, 0
}

// problem answers in a shape that tells a stranger nothing but the status.
func problem(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":%q,"status":%d}`+"\n", http.StatusText(status), status)
}

// interaction is what is needed of Slack's payload.
type interaction struct {
	Type string `json:"type"`
	App  string `json:"api_app_id"`
	Team struct {
		ID string `json:"id"`
	} `json:"team"`
	User struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	ResponseURL string   `json:"response_url"`
	Actions     []action `json:"actions"`
}

type action struct {
	ActionID string `json:"action_id"`
	BlockID  string `json:"block_id"`
	Value    string `json:"value"`
}

// parse takes the payload from the body's form and from nowhere else: the query
// string is not signed.
func parse(body []byte) (interaction, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return interaction{}, errors.New("the body is no form")
	}
	if len(form["payload"]) != 1 {
		return interaction{}, fmt.Errorf("the form has %d payloads, want 1", len(form["payload"]))
	}
	var in interaction
	if err := json.Unmarshal([]byte(form.Get("payload")), &in); err != nil {
		return interaction{}, fmt.Errorf("read the payload: %w", err)
	}
	return in, nil
}

// ours tells whether the interaction comes from where the configuration says.
func (h *interactivity) ours(in interaction) bool {
	c := h.n.cfg
	return (c.Team == "" || c.Team == in.Team.ID) && (c.AppID == "" || c.AppID == in.App)
}

// action is the first action of ours in a click.
func (in interaction) action() (action, bool) {
	if in.Type != "block_actions" {
		return action{}, false
	}
	for _, a := range in.Actions {
		if a.BlockID == askBlock && (a.ActionID == approveAction || a.ActionID == denyAction) {
			return a, true
		}
	}
	return action{}, false
}

// click decides and answers.
func (h *interactivity) click(ctx context.Context, in interaction, a action) {
	answer := h.answer(ctx, in, a)
	if answer == "" {
		return
	}
	if err := h.n.whisper(ctx, in, answer); err != nil {
		h.n.log.Warn().Err(err).Str("user", in.User.ID).Msg("cannot answer a click")
	}
}

func (h *interactivity) answer(ctx context.Context, in interaction, a action) string {
	log := h.n.log.With().Str("user", in.User.ID).Str("action", a.ActionID).Logger()
	q, err := unseal(h.n.cfg.ButtonKey, a.Value)
	if err != nil {
		log.Warn().Err(err).Msg("refused a click")
		return "This button was not made by this Ripcord, nothing has changed. Use the console or `ripcord approve`."
	}
	log = log.With().Str("incident", q.Incident).Int("revision", q.Revision).Logger()
	home := in.User.TeamID // a guest's own workspace, in a shared channel
	if home == "" {
		home = in.Team.ID
	}
	person, ok := h.people.BySlack(home, in.User.ID)
	if !ok {
		log.Warn().Str("team", home).Msg("refused a click of somebody who is not among the people")
		return "You are not among those who may approve, nothing has changed."
	}
	person.Via = "slack"
	crashpoint.Hit("approve.before_event")
	answer, err := h.decide(ctx, Click{q.Incident, q.Revision, q.Digest, a.ActionID == approveAction, person})
	var refused *incident.Refused
	switch {
	case errors.As(err, &refused):
		log.Info().Str("person", person.Name).Str("refused", refused.Text).Msg("a click changed nothing")
		return refused.Text
	case err != nil:
		log.Error().Err(err).Str("person", person.Name).Msg("a click could not be recorded")
		return "Not recorded, please try again: Ripcord cannot write its journal now."
	}
	log.Info().Str("person", person.Name).Msg("a click was recorded")
	return answer
}

// whisper says something to the one who clicked, alone: as the app, or by the
// click's own response address when the app can not.
func (n *Notifier) whisper(ctx context.Context, in interaction, text string) error {
	say := []slack.MsgOption{
		slack.MsgOptionText(fit(text, maxFallback), false),
		slack.MsgOptionBlocks(plainBlocks(text)...),
		slack.MsgOptionDisableMarkdown(),
	}
	err := n.once(ctx, "chat.postEphemeral", func(ctx context.Context, api *slack.Client) error {
		_, err := api.PostEphemeralContext(ctx, in.Channel.ID, in.User.ID, say...)
		return err
	})
	if err == nil || !n.slacks(in.ResponseURL) {
		return err
	}
	return n.once(ctx, "response_url", func(ctx context.Context, api *slack.Client) error {
		_, _, _, err := api.SendMessageContext(ctx, in.Channel.ID, append(say, slack.MsgOptionResponseURL(in.ResponseURL, slack.ResponseTypeEphemeral))...)
		return err
	})
}

// slacks tells the response addresses that are Slack's own, or on the host of a
// configured stand-in: no request goes anywhere else because a payload says so.
func (n *Notifier) slacks(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return false
	}
	api, err := url.Parse(n.cfg.APIURL)
	if err == nil && u.Host == api.Host && u.Scheme == api.Scheme {
		return true
	}
	return u.Scheme == "https" && (u.Host == "hooks.slack.com" || u.Host == "hooks.slack-gov.com")
}
