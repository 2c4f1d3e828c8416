package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ripcord-dev/ripcord/actions"
)

const maxAnswer = 64 << 10

// reloader tells a service to read its release again. Telling twice does no harm.
type reloader interface {
	// do tells. Its error is Unknown where the service may not have been told yet,
	// Denied or Permanent where it refuses to be.
	do(ctx context.Context) error
	// ready tells whether do has somebody to tell.
	ready() error
	String() string
}

// post tells by an HTTP POST that has to be answered with 2xx.
type post struct {
	client  *http.Client
	url     string
	timeout time.Duration
}

func (p *post) String() string { return "POST " + p.url }
func (p *post) ready() error   { return nil }

func (p *post) do(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, nil)
	if err != nil {
		return actions.Errorf(actions.Permanent, "reload: %w", err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return actions.Errorf(actions.Unknown, "its reload is not confirmed: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return actions.Errorf(refusal(resp.StatusCode), "POST %s answered %s", p.url, resp.Status)
}

// refusal tells an answer that will not change by itself from one that may.
func refusal(status int) actions.Code {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return actions.Denied
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return actions.Unknown
	}
	return actions.Permanent
}

// hangup tells by a signal to the process of a pid file.
type hangup struct {
	pidFile string
	signal  unix.Signal
}

func (h *hangup) String() string {
	return fmt.Sprintf("%s to the process of %s", unix.SignalName(h.signal), h.pidFile)
}

func (h *hangup) ready() error { return h.kill(0) }

func (h *hangup) do(context.Context) error { return h.kill(h.signal) }

func (h *hangup) kill(signal unix.Signal) error {
	pid, err := h.pid()
	if err != nil {
		return err
	}
	err = unix.Kill(pid, signal)
	switch {
	case errors.Is(err, unix.ESRCH):
		return actions.Errorf(actions.Unknown, "process %d of %s does not exist", pid, h.pidFile)
	case errors.Is(err, unix.EPERM):
		return actions.Errorf(actions.Denied, "process %d of %s may not be signalled by this user", pid, h.pidFile)
	case err != nil:
		return actions.Errorf(actions.Permanent, "signal process %d of %s: %w", pid, h.pidFile, err)
	}
	return nil
}

// pid reads the pid file. It never gives a group, init or ourselves.
func (h *hangup) pid() (int, error) {
	raw, err := os.ReadFile(h.pidFile)
	if err != nil {
		code := actions.Unknown
		if errors.Is(err, os.ErrPermission) {
			code = actions.Denied
		}
		return 0, actions.Errorf(code, "read the pid: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw[:min(len(raw), 32)])))
	if err != nil || pid <= 1 || pid == os.Getpid() {
		return 0, actions.Errorf(actions.Permanent, "%s holds no pid that may be signalled", h.pidFile)
	}
	return pid, nil
}

// served asks the service which version it serves.
type served struct {
	client  *http.Client
	url     string
	path    []string // of the version in the JSON answer
	timeout time.Duration
}

// is tells whether the version is served, and in words what is.
func (s *served) is(ctx context.Context, version string) (bool, string) {
	now, err := s.read(ctx)
	if err != nil {
		return false, fmt.Sprintf("; what is served is not known: %v", err)
	}
	if now != version {
		return false, fmt.Sprintf("; still served is %q", now)
	}
	return true, "; " + version + " is served"
}

func (s *served) read(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return "", err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", s.url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s", s.url, resp.Status)
	}
	return pick(body, s.path)
}

// pick takes a string or a number out of a JSON object.
func pick(body []byte, path []string) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", fmt.Errorf("decode the answer: %w", err)
	}
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("the answer has no version at %s", strings.Join(path, "."))
}
