package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/rules"
)

// maxAnswer bounds what is read of one answer, but for exports and feeds.
const maxAnswer = 32 << 20

// Client speaks to one daemon. It is safe for concurrent use.
type Client struct {
	base, token string
	// HTTP does the requests. New sets one with a time-out of 30 s, which does not
	// bound exports and feeds.
	HTTP *http.Client
	// Agent is the User-Agent; one that begins with ripcord-cli/ is recorded as the
	// command line.
	Agent string
}

// New makes a client for the daemon at baseURL; an empty token sends none.
func New(baseURL, token string) *Client {
	return &Client{
		base: strings.TrimRight(baseURL, "/"), token: token,
		HTTP: &http.Client{Timeout: 30 * time.Second}, Agent: "ripcord-cli/1",
	}
}

// Query narrows a list. Zero values ask for everything that the server gives in
// one page.
type Query struct {
	Target string
	State  string // of incidents: open or all
	Limit  int
	Cursor string
}

func (q Query) encode() string {
	v := url.Values{}
	for name, value := range map[string]string{"target": q.Target, "state": q.State, "cursor": q.Cursor} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// Healthy tells whether the daemon answers.
func (c *Client) Healthy(ctx context.Context) error {
	_, err := c.plain(ctx, http.MethodGet, "/-/healthy")
	return err
}

// Ready gives the daemon's own words about its readiness; the error is a *Problem
// when it is not ready.
func (c *Client) Ready(ctx context.Context) (string, error) {
	return c.plain(ctx, http.MethodGet, "/-/ready")
}

// Reload has the daemon read its files anew.
func (c *Client) Reload(ctx context.Context) error {
	_, err := c.plain(ctx, http.MethodPost, "/-/reload")
	return err
}

// Targets lists the configured targets by name.
func (c *Client) Targets(ctx context.Context, q Query) (Page[Target], error) {
	return get[Page[Target]](ctx, c, "/api/v1/targets"+q.encode())
}

// Target is one target with its ledger.
func (c *Client) Target(ctx context.Context, name string) (Target, error) {
	return get[Target](ctx, c, "/api/v1/targets/"+url.PathEscape(name))
}

// Rules lists what the rules say now, by target and in file order.
func (c *Client) Rules(ctx context.Context, q Query) (Page[rules.RuleView], error) {
	return get[Page[rules.RuleView]](ctx, c, "/api/v1/rules"+q.encode())
}

// Incidents lists incidents, newest first.
func (c *Client) Incidents(ctx context.Context, q Query) (Page[Summary], error) {
	return get[Page[Summary]](ctx, c, "/api/v1/incidents"+q.encode())
}

// Incident is one incident with its entries.
func (c *Client) Incident(ctx context.Context, id string) (Incident, error) {
	return get[Incident](ctx, c, "/api/v1/incidents/"+url.PathEscape(id))
}

// Decisions lists the decisions that were answered, newest first.
func (c *Client) Decisions(ctx context.Context, q Query) (Page[Decision], error) {
	return get[Page[Decision]](ctx, c, "/api/v1/decisions"+q.encode())
}

// Releases lists the ledgers' entries, newest first.
func (c *Client) Releases(ctx context.Context, q Query) (Page[Release], error) {
	return get[Page[Release]](ctx, c, "/api/v1/releases"+q.encode())
}

// Quarantined lists the versions that are never gone back to, newest first.
func (c *Client) Quarantined(ctx context.Context, q Query) (Page[Quarantined], error) {
	return get[Page[Quarantined]](ctx, c, "/api/v1/quarantine"+q.encode())
}

// Freezes lists the freezes that hold now, newest first.
func (c *Client) Freezes(ctx context.Context, q Query) (Page[Freeze], error) {
	return get[Page[Freeze]](ctx, c, "/api/v1/freezes"+q.encode())
}

// Approve says yes to one plan.
func (c *Client) Approve(ctx context.Context, id string, a Answer) (Incident, error) {
	return c.answer(ctx, id, "approve", a)
}

// Deny says no to one plan.
func (c *Client) Deny(ctx context.Context, id string, a Answer) (Incident, error) {
	return c.answer(ctx, id, "deny", a)
}

// Veto stops a plan that would be carried out by itself.
func (c *Client) Veto(ctx context.Context, id string, a Answer) (Incident, error) {
	return c.answer(ctx, id, "veto", a)
}

// Retry has an incident that failed planned anew.
func (c *Client) Retry(ctx context.Context, id string, a Answer) (Incident, error) {
	return c.answer(ctx, id, "retry", a)
}

// Close ends an incident by hand; the comment is the reason.
func (c *Client) Close(ctx context.Context, id string, a Answer) (Incident, error) {
	return c.answer(ctx, id, "close", a)
}

func (c *Client) answer(ctx context.Context, id, verb string, a Answer) (Incident, error) {
	return post[Incident](ctx, c, "/api/v1/incidents/"+url.PathEscape(id)+":"+verb, a)
}

// Rollback asks for a rollback; the incident that it opened is the answer.
func (c *Client) Rollback(ctx context.Context, target string, body Rollback) (Incident, error) {
	return command[Incident](ctx, c, target, "rollback", body)
}

// Release announces that a version went live.
func (c *Client) Release(ctx context.Context, target string, body NewRelease) (Announced, error) {
	return command[Announced](ctx, c, target, "release", body)
}

// Freeze holds a target's rollbacks back; an empty target is the whole fleet.
func (c *Client) Freeze(ctx context.Context, target string, body Hold) error {
	if target == "" {
		return c.do(ctx, http.MethodPost, "/api/v1/freeze", body, nil)
	}
	_, err := command[Target](ctx, c, target, "freeze", body)
	return err
}

// Unfreeze lets go of it.
func (c *Client) Unfreeze(ctx context.Context, target, reason string) error {
	if target == "" {
		return c.do(ctx, http.MethodPost, "/api/v1/unfreeze", Reason{reason}, nil)
	}
	_, err := command[Target](ctx, c, target, "unfreeze", Reason{reason})
	return err
}

// Quarantine keeps a version from ever being gone back to.
func (c *Client) Quarantine(ctx context.Context, target string, body VersionReason) (Target, error) {
	return command[Target](ctx, c, target, "quarantine", body)
}

// Lift takes a version out of quarantine.
func (c *Client) Lift(ctx context.Context, target string, body VersionReason) (Target, error) {
	return command[Target](ctx, c, target, "lift", body)
}

// DeadLetters lists what could not be read, newest first, without the bodies.
func (c *Client) DeadLetters(ctx context.Context, q Query) (Page[DeadLetter], error) {
	return get[Page[DeadLetter]](ctx, c, "/api/v1/deadletter"+q.encode())
}

// DeadLetter is one of them, with its body.
func (c *Client) DeadLetter(ctx context.Context, seq uint64) (DeadLetter, error) {
	return get[DeadLetter](ctx, c, "/api/v1/deadletter/"+strconv.FormatUint(seq, 10))
}

// Requeue hands a dead letter to the events stream again.
func (c *Client) Requeue(ctx context.Context, seq uint64) error {
	return c.do(ctx, http.MethodPost, "/api/v1/deadletter/"+strconv.FormatUint(seq, 10)+":requeue", nil, nil)
}

// VerifyJournal has the daemon recompute the journal's chains.
func (c *Client) VerifyJournal(ctx context.Context) (Verification, error) {
	return get[Verification](ctx, c, "/api/v1/journal:verify")
}

// OpenAPI is the API's description.
func (c *Client) OpenAPI(ctx context.Context) (string, error) {
	return c.plain(ctx, http.MethodGet, "/api/v1/openapi.yaml")
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	var out T
	err := c.do(ctx, http.MethodGet, path, nil, &out)
	return out, err
}

func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	var out T
	err := c.do(ctx, http.MethodPost, path, body, &out)
	return out, err
}

func command[T any](ctx context.Context, c *Client, target, verb string, body any) (T, error) {
	return post[T](ctx, c, "/api/v1/targets/"+url.PathEscape(target)+":"+verb, body)
}

// do sends one request and decodes its answer into out, which may be nil.
func (c *Client) do(ctx context.Context, method, path string, body, out any) error {
	resp, err := c.send(ctx, c.HTTP, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return nil
}

// plain sends one request whose answer is text.
func (c *Client) plain(ctx context.Context, method, path string) (string, error) {
	resp, err := c.send(ctx, c.HTTP, method, path, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return string(text), nil
}

// send does one request. An answer that is not 2xx is a *Problem.
func (c *Client) send(ctx context.Context, h *http.Client, method, path string, body any) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	req.Header.Set("User-Agent", c.Agent)
	resp, err := h.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// readProblem reads a refusal. One that is no problem+json comes from a proxy, or
// is the plain text of /-/ready.
func readProblem(resp *http.Response) *Problem {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // a piece is better than nothing
	var p Problem
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") && json.Unmarshal(raw, &p) == nil && p.Status != 0 {
		return &p
	}
	const most = 4 << 10
	return &Problem{
		Type: "about:blank", Title: resp.Status, Status: resp.StatusCode,
		Detail: strings.TrimSpace(string(raw[:min(len(raw), most)])),
	}
}
