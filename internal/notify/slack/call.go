package slack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/slack-go/slack"
)

// fault says what a failed call means for the next one.
type fault int

const (
	lost    fault = iota // nobody knows whether Slack did it: 5xx, no answer
	refused              // Slack did not do it and may later: 429, internal words
	fatal                // a person must change something at Slack or in ripcord.yml
	content              // Slack does not take this message
	gone                 // the message or its thread is not there any more
)

// callError is a failed call of the Web API. Its text holds no address and no
// secret.
type callError struct {
	method string
	fault  fault
	err    error
}

func (e *callError) Error() string { return fmt.Sprintf("slack %s: %s", e.method, e.err) }
func (e *callError) Unwrap() error { return e.err }

// faultOf is what an error of once means; an error that is none of Slack's (ctx
// ended, no token) counts as refused: nothing was done.
func faultOf(err error) fault {
	var ce *callError
	if errors.As(err, &ce) {
		return ce.fault
	}
	return refused
}

var (
	fatalWords = []string{
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "no_permission",
		"not_allowed_token_type", "channel_not_found", "not_in_channel", "is_archived", "restricted_action",
		"org_login_required", "ekm_access_denied", "team_access_not_granted", "access_denied", "enterprise_is_restricted",
		"unknown_method",
	}
	contentWords = []string{
		"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "no_text",
		"invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large", "invalid_arguments",
	}
	goneWords = []string{"message_not_found", "cant_update_message", "thread_not_found", "edit_window_closed", "invalid_thread_ts"}
)

// once makes one call with the token of this moment and sorts its error.
func (n *Notifier) once(ctx context.Context, method string, do func(context.Context, *slack.Client) error) error {
	token, err := n.cfg.Token()
	if err != nil {
		return n.broken(&callError{method, fatal, fmt.Errorf("read the bot token: %w", err)})
	}
	err = do(ctx, slack.New(token, slack.OptionAPIURL(n.cfg.APIURL), slack.OptionHTTPClient(n.cfg.HTTP)))
	if err == nil {
		n.health.well(method)
		return nil
	}
	var sorted *callError
	if errors.As(err, &sorted) {
		return err
	}
	return n.broken(sortError(method, err))
}

func sortError(method string, err error) *callError {
	var (
		limited *slack.RateLimitedError
		status  slack.StatusCodeError
		said    slack.SlackErrorResponse
		dial    *url.Error
	)
	switch {
	case errors.As(err, &limited):
		return &callError{method, refused, err}
	case errors.As(err, &status):
		if status.Code >= http.StatusInternalServerError {
			return &callError{method, lost, err}
		}
		return &callError{method, refused, err}
	case errors.As(err, &said):
		return &callError{method, wordFault(said.Err), explain(said)}
	case errors.As(err, &dial):
		return &callError{method, lost, dial.Err} // its own text holds the address
	}
	return &callError{method, lost, err}
}

func wordFault(word string) fault {
	switch {
	case slices.Contains(fatalWords, word):
		return fatal
	case slices.Contains(contentWords, word):
		return content
	case slices.Contains(goneWords, word):
		return gone
	}
	return refused
}

func explain(said slack.SlackErrorResponse) error {
	switch {
	case said.Needed != "":
		return fmt.Errorf("%w: the app needs the scope %s and has %s", said, said.Needed, said.Provided)
	case len(said.ResponseMetadata.Messages) > 0:
		return fmt.Errorf("%w: %s", said, said.ResponseMetadata.Messages[0])
	}
	return said
}

// broken remembers a fatal error for Health and says it in the log once.
func (n *Notifier) broken(e *callError) *callError {
	if e.fault == fatal && n.health.ill(e.method, e) {
		n.log.Error().Err(e).Str("channel", n.cfg.Channel).
			Msg("Slack refuses until somebody changes the app or the configuration; messages are kept")
	}
	return e
}

// call makes a paced call to the channel and repeats it while that can help. do
// must be safe to repeat after a lost answer: it looks before it posts.
func (n *Notifier) call(ctx context.Context, method string, do func(context.Context, *slack.Client) error) error {
	grow := backoff.NewExponentialBackOff()
	grow.InitialInterval, grow.MaxInterval = 500*time.Millisecond, 10*time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if err := n.wait(ctx); err != nil {
			return struct{}{}, backoff.Permanent(err)
		}
		err := n.once(ctx, method, do)
		if limited := (*slack.RateLimitedError)(nil); errors.As(err, &limited) {
			n.hold = time.Now().Add(limited.RetryAfter)
		}
		if f := faultOf(err); err != nil && f != lost && f != refused {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(grow), backoff.WithMaxTries(4), backoff.WithMaxElapsedTime(2*time.Minute),
		backoff.WithNotify(func(err error, in time.Duration) {
			n.log.Warn().Err(err).Dur("in", in).Msg("Slack did not answer well, trying again")
		}))
	return err
}

// wait keeps the channel's pace and Slack's Retry-After.
func (n *Notifier) wait(ctx context.Context) error {
	if d := time.Until(n.hold); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for Slack's retry-after: %w", ctx.Err())
		}
	}
	if err := n.pace.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the channel's pace: %w", err)
	}
	return nil
}

// health holds the last fatal error of each method that has not succeeded since.
type health struct {
	mu   sync.Mutex
	last map[string]error
}

func (h *health) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []error
	for _, method := range slices.Sorted(maps.Keys(h.last)) {
		all = append(all, h.last[method])
	}
	return errors.Join(all...)
}

func (h *health) well(method string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.last, method)
}

// ill tells whether the error is news.
func (h *health) ill(method string, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, ok := h.last[method]
	if h.last == nil {
		h.last = make(map[string]error)
	}
	h.last[method] = err
	return !ok || before.Error() != err.Error()
}
