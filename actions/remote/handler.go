package remote

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

// longest is how long an execute without a deadline may run.
const longest = 5 * time.Minute

// Handler serves an action's verbs at /look, /plan, /execute and /verify, so that
// an action written in Go can run as a program of its own behind kind webhook. It
// checks nobody's identity: put it behind what does. An execute that has begun is
// not torn by a caller who hangs up; it ends by its deadline.
func Handler(action actions.Action) http.Handler {
	mux := http.NewServeMux()
	for verb, serve := range map[string]func(context.Context, actions.Action, call) (any, error){
		verbLook: serveLook, verbPlan: servePlan, verbExecute: serveExecute, verbVerify: serveVerify,
	} {
		mux.HandleFunc("POST /"+verb, func(w http.ResponseWriter, r *http.Request) {
			request, err := readCall(http.MaxBytesReader(w, r.Body, maxBody), verb)
			var answer any
			if err == nil {
				answer, err = serve(r.Context(), action, request)
			}
			reply(w, answer, err)
		})
	}
	return mux
}

func readCall(body io.Reader, verb string) (call, error) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return call{}, actions.Errorf(actions.Permanent, "read the request: %w", err)
	}
	var c call
	if err := json.Unmarshal(raw, &c); err != nil {
		return call{}, actions.Errorf(actions.Permanent, "decode the request: %w", err)
	}
	switch {
	case c.V != Version:
		return call{}, actions.Errorf(actions.Permanent, "the request has version %d of the protocol, this server speaks %d", c.V, Version)
	case c.Verb != verb:
		return call{}, actions.Errorf(actions.Permanent, "verb %q came to /%s", clip(c.Verb), verb)
	case c.Step == nil && (verb == verbExecute || verb == verbVerify):
		return call{}, actions.Errorf(actions.Permanent, "%s needs a step", verb)
	case verb == verbExecute && c.Key == "":
		return call{}, actions.Errorf(actions.Permanent, "execute needs a key")
	}
	return c, nil
}

func serveLook(ctx context.Context, action actions.Action, _ call) (any, error) {
	return action.Look(ctx)
}

func servePlan(ctx context.Context, action actions.Action, c call) (any, error) {
	req := actions.Request{Incident: c.Incident, StepID: c.StepID, To: c.To}
	if c.Target != nil {
		req.Target = c.Target.Name
	}
	if c.ToRev != nil {
		req.ToRev = *c.ToRev
	}
	step, err := action.Plan(ctx, req)
	if err != nil {
		return nil, err
	}
	steps, err := json.Marshal([]actions.Step{step})
	if err != nil {
		return nil, actions.Errorf(actions.Permanent, "encode the step: %w", err)
	}
	digest, err := stepsDigest(steps)
	return planned{V: Version, Steps: steps, Digest: digest}, err
}

func serveExecute(ctx context.Context, action actions.Action, c call) (any, error) {
	a := actions.Attempt{Incident: c.Incident, Key: c.Key, N: c.Attempt, Deadline: c.Deadline}
	if c.Token != nil {
		a.Token = *c.Token
	}
	if a.Deadline.IsZero() {
		a.Deadline = time.Now().Add(longest)
	}
	if !time.Now().Before(a.Deadline) {
		return nil, actions.Errorf(actions.Retry, "attempt %d of %s is past its deadline: nothing was done", a.N, clip(a.Key))
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), a.Deadline)
	defer cancel()
	return accepted{true}, action.Execute(ctx, *c.Step, a)
}

func serveVerify(ctx context.Context, action actions.Action, c call) (any, error) {
	return action.Verify(ctx, *c.Step)
}

// reply writes an answer, or an error under the status that says the same.
func reply(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		p := problem{Code: actions.CodeOf(err), Text: clip(err.Error())}
		answer, status = p, statusOf(p.Code)
		if p.Code == actions.Retry {
			w.Header().Set("Retry-After", "1")
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a caller who hung up asks Verify
}

func statusOf(code actions.Code) int {
	switch code {
	case actions.Drift:
		return http.StatusConflict
	case actions.Denied:
		return http.StatusForbidden
	case actions.Permanent:
		return http.StatusUnprocessableEntity
	case actions.Retry:
		return http.StatusServiceUnavailable
	case actions.Unknown:
	}
	return http.StatusInternalServerError
}
