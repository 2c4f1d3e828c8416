package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/actions/internal/outbound"
	"github.com/ripcord-dev/ripcord/internal/crashpoint"
)

// KindWebhook is the kind's name in ripcord.yml.
const KindWebhook = "webhook"

const defaultTimeout = 10 * time.Second

type webhookSettings struct {
	URL          string                  `yaml:"url"`
	Class        actions.Class           `yaml:"class"`
	Timeout      model.Duration          `yaml:"timeout"`
	AllowPrivate []string                `yaml:"allow_private"`
	Settings     map[string]any          `yaml:"settings"`
	HTTP         config.HTTPClientConfig `yaml:",inline"`
}

// webhook carries each verb as POST <url>/<verb>. Every call has its own
// connection, so that no call meets one that the server has just closed.
type webhook struct {
	url     *url.URL
	client  *http.Client
	timeout time.Duration
}

// NewWebhook makes an action whose server speaks HTTP.
func NewWebhook(s actions.Settings) (actions.Action, error) {
	return newWebhook(s, &guard{})
}

func newWebhook(s actions.Settings, g *guard) (*Client, error) {
	var set webhookSettings
	if err := s.Decode(&set); err != nil {
		return nil, err
	}
	if set.Class == "" {
		set.Class = actions.ClassB
	}
	if set.Timeout <= 0 {
		set.Timeout = model.Duration(defaultTimeout)
	}
	u, urlErr := parseURL(set.URL)
	foreign, settingsErr := json.Marshal(set.Settings)
	settings, httpErr := outbound.Settings(&set.HTTP, s.Dir())
	if err := errors.Join(urlErr, settingsErr, httpErr, checkClass(set.Class), g.allow(set.AllowPrivate)); err != nil {
		return nil, err
	}
	if set.Settings == nil {
		foreign = nil
	}
	g.plain, g.timeout = u.Scheme == "http", time.Duration(set.Timeout)
	if err := errors.Join(g.literal(u.Hostname()), tokenURL(set.HTTP.OAuth2, g.plain)); err != nil {
		return nil, err
	}
	client, err := config.NewClientFromConfig(settings, "webhook",
		config.WithDialContextFunc(g.dial), config.WithKeepAlivesDisabled(), config.WithUserAgent(outbound.UserAgent))
	if err != nil {
		return nil, err
	}
	carrier := &webhook{url: u, client: client, timeout: time.Duration(set.Timeout)}
	return New(Config{Kind: KindWebhook, Place: u.String(), Class: set.Class, Settings: foreign}, carrier), nil
}

func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("url is no URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, fmt.Errorf("url %q must be https:// or http:// with a host", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("url %q holds a user: use basic_auth with password_file", u.Redacted())
	case u.Fragment != "":
		return nil, fmt.Errorf("url %q has a fragment, which no server sees", u.Redacted())
	}
	return u, nil
}

func checkClass(c actions.Class) error {
	switch c {
	case actions.ClassA, actions.ClassB, actions.ClassC:
		return nil
	}
	return fmt.Errorf("class %q: use B when the server keeps the Idempotency-Key, C when it does not, A when it compares and sets", c)
}

// tokenURL keeps the credentials of a token as safe as those of the webhook.
func tokenURL(o *config.OAuth2, plain bool) error {
	if o == nil {
		return nil
	}
	u, err := url.Parse(o.TokenURL)
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !plain) {
		return errors.New("oauth2.token_url must be https://")
	}
	return nil
}

// Call makes one request and never repeats it.
func (w *webhook) Call(ctx context.Context, verb string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, watch(verb, &connected))
	req, err := w.request(ctx, verb, body)
	if err != nil {
		return nil, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, w.failed(verb, connected.Load(), err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if verb == verbExecute {
		crashpoint.Hit("exec.after_response")
	}
	if err != nil {
		return nil, w.failed(verb, true, err)
	}
	return w.judge(verb, resp, answer)
}

// watch notes when a server may have read something of the request.
func watch(verb string, connected *atomic.Bool) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			connected.Store(true)
			if verb == verbExecute {
				crashpoint.Hit("exec.after_connect")
			}
		},
		WroteRequest: func(httptrace.WroteRequestInfo) {
			if verb == verbExecute {
				crashpoint.Hit("exec.after_request_sent")
			}
		},
	}
}

func (w *webhook) request(ctx context.Context, verb string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.JoinPath(verb).String(), bytes.NewReader(body))
	if err != nil {
		return nil, actions.Errorf(actions.Permanent, "make the request: %w", err)
	}
	req.GetBody = nil // net/http repeats a request with an Idempotency-Key whose body it can get again
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	var key struct{ Key string }
	if err := json.Unmarshal(body, &key); err == nil && key.Key != "" {
		req.Header.Set("Idempotency-Key", key.Key)
	}
	return req, nil
}

// failed is the error of a call without an answer.
func (w *webhook) failed(verb string, connected bool, err error) error {
	var refused *refusal
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refused):
		return actions.Errorf(actions.Denied, "%s: %w", verb, refused)
	case errors.As(err, &certificate):
		return actions.Errorf(actions.Denied, "%s: the server's certificate is not trusted: %w", verb, err)
	case !connected:
		return actions.Errorf(actions.Retry, "%s: the server can not be reached, nothing was sent: %w", verb, err)
	}
	return actions.Errorf(lost(verb), "%s: no answer: %w", verb, err)
}

// judge turns an answer into a body or an error. The server's own code wins over
// the status.
func (w *webhook) judge(verb string, resp *http.Response, body []byte) ([]byte, error) {
	if len(body) > maxBody {
		code := actions.Permanent
		if verb == verbExecute {
			code = actions.Unknown
		}
		return nil, actions.Errorf(code, "the answer to %s has more than %d bytes", verb, maxBody)
	}
	if resp.StatusCode/100 == 2 {
		return body, nil
	}
	if err := readProblem(body); err != nil {
		return nil, err
	}
	again := resp.Header.Get("Retry-After")
	text := fmt.Sprintf("%s answered %s", verb, resp.Status)
	switch {
	case again != "":
		text += ", try again after " + clip(again)
	case resp.StatusCode/100 == 3:
		text += ", and redirects are not followed: set url to where it leads"
	case verb == verbLook && absent(resp.StatusCode):
		text += ": this server cannot look, so its step cannot be a target's identity step"
	}
	return nil, actions.Errorf(statusCode(verb, resp.StatusCode, again != ""), "%s", text)
}

func absent(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
}

// statusCode is what a status means when the body says nothing. A gateway's 503
// or 408 may come after the request reached the server; one that says when to come
// back comes from somebody who refused it.
func statusCode(verb string, status int, again bool) actions.Code {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return actions.Denied
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && again:
		return actions.Retry
	case status == http.StatusNotImplemented:
		return actions.Permanent
	case status == http.StatusRequestTimeout, status >= 500:
		return lost(verb)
	}
	return actions.Permanent
}
