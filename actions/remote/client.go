// Package remote speaks the verbs of an action as JSON to a program elsewhere:
// one client over a Carrier. The kind webhook carries them by HTTP. Handler is the
// other side, for people who write an action in Go and run it next to what it
// moves.
//
// The server is believed about its own place and about nothing else: its step
// must go where it was asked to, and its answer is bounded. Whenever a call may
// have reached it without an answer, the outcome is unknown and nothing is sent
// again; Verify tells.
package remote

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

// A Carrier brings one request to the server and its answer back. An error is an
// *actions.Error: the server's own, or the carrier's, which is Unknown for execute
// as soon as the request may have been read. It never sends a request twice.
type Carrier interface {
	Call(ctx context.Context, verb string, body []byte) ([]byte, error)
}

// Config says whose client it is.
type Config struct {
	Kind     string          // of the steps
	Place    string          // of a step whose server names none
	Class    actions.Class   // what a repeated Execute may do; the server can only weaken it
	Settings json.RawMessage // handed to the server as they are
}

// Client is an action whose place is elsewhere.
type Client struct {
	cfg     Config
	carrier Carrier
}

var _ actions.Action = (*Client)(nil)

// New makes the action.
func New(cfg Config, carrier Carrier) *Client { return &Client{cfg, carrier} }

// Look asks for the live revision. A server without that verb gives a Permanent
// error: such a step can act, but cannot be a target's identity step.
func (c *Client) Look(ctx context.Context) (actions.Sight, error) {
	body, err := c.ask(ctx, call{Verb: verbLook})
	if err != nil {
		return actions.Sight{}, err
	}
	return readSight(body)
}

// Plan asks for the step.
func (c *Client) Plan(ctx context.Context, req actions.Request) (actions.Step, error) {
	ask := call{Verb: verbPlan, Target: &target{req.Target}, Incident: req.Incident, StepID: req.StepID, To: req.To}
	if !req.ToRev.IsZero() {
		ask.ToRev = &req.ToRev
	}
	body, err := c.ask(ctx, ask)
	if err != nil {
		return actions.Step{}, err
	}
	s, err := readPlan(body, req, time.Now())
	if err != nil {
		return actions.Step{}, err
	}
	return c.adopt(s, req), nil
}

// adopt makes a server's step ours: our ID, our kind, and a class that promises no
// more than both sides do.
func (c *Client) adopt(s actions.Step, req actions.Request) actions.Step {
	s.ID, s.Kind, s.Text = req.StepID, c.cfg.Kind, clip(s.Text)
	s.Class = max(s.Class, c.cfg.Class) // A < B < C, and none is less than A
	if s.Place == "" {
		s.Place = c.cfg.Place
	}
	if s.Text == "" {
		s.Text = "move " + s.Place + " from " + s.From.Rev + " to " + s.To.Rev
	}
	return s
}

// Execute asks for the move, once.
func (c *Client) Execute(ctx context.Context, s actions.Step, a actions.Attempt) error {
	if !a.Deadline.IsZero() {
		if time.Now().After(a.Deadline) {
			return actions.Errorf(actions.Retry, "attempt %d of %s is past its deadline: nothing was sent", a.N, a.Key)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, a.Deadline)
		defer cancel()
	}
	body, err := c.ask(ctx, call{
		Verb: verbExecute, Incident: a.Incident, Step: &s,
		Key: a.Key, Token: &a.Token, Attempt: a.N, Deadline: a.Deadline,
	})
	if err != nil {
		return err
	}
	return readAccepted(body)
}

// Verify asks where the place stands.
func (c *Client) Verify(ctx context.Context, s actions.Step) (actions.Verdict, error) {
	body, err := c.ask(ctx, call{Verb: verbVerify, Step: &s})
	if err != nil {
		return actions.Verdict{}, err
	}
	return readVerdict(body)
}

// ask sends one request. An answer that carries an error's code is that error,
// whatever the carrier thinks of it.
func (c *Client) ask(ctx context.Context, request call) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, actions.Errorf(actions.Retry, "%s: nothing was sent: %w", request.Verb, err)
	}
	request.V, request.Settings = Version, c.cfg.Settings
	body, err := json.Marshal(request)
	if err != nil {
		return nil, actions.Errorf(actions.Permanent, "encode %s: %w", request.Verb, err)
	}
	if len(body) > maxBody {
		return nil, actions.Errorf(actions.Permanent, "the request to %s has %d bytes: %d are the most", request.Verb, len(body), maxBody)
	}
	answer, err := c.carrier.Call(ctx, request.Verb, body)
	if err == nil {
		err = readProblem(answer)
	}
	var coded *actions.Error
	if err != nil && !errors.As(err, &coded) {
		err = actions.Errorf(lost(request.Verb), "%w", err)
	}
	return answer, err
}

// lost is the code of a call whose answer did not come.
func lost(verb string) actions.Code {
	if verb == verbExecute {
		return actions.Unknown
	}
	return actions.Retry
}
