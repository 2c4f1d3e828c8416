package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

// Version is the version of the wire protocol.
const Version = 1

// The verbs, which are also the last part of a webhook's URL.
const (
	verbLook    = "look"
	verbPlan    = "plan"
	verbExecute = "execute"
	verbVerify  = "verify"
)

// maxBody bounds every request and every answer.
const maxBody = 64 << 10

// maxStep bounds a step's JSON, which is journaled with every transition.
const maxStep = 16 << 10

// call is the request of every verb; each fills in what it has.
type call struct {
	V    int    `json:"v"`
	Verb string `json:"verb"`

	Target   *target           `json:"target,omitempty"`
	Incident string            `json:"incident,omitempty"`
	StepID   string            `json:"step_id,omitempty"`
	To       string            `json:"to,omitempty"`
	ToRev    *actions.Revision `json:"to_rev,omitempty"`

	Step     *actions.Step  `json:"step,omitempty"`
	Key      string         `json:"key,omitempty"`
	Token    *actions.Fence `json:"token,omitempty"`
	Attempt  int            `json:"attempt,omitempty"`
	Deadline time.Time      `json:"deadline,omitzero"`

	Settings json.RawMessage `json:"settings,omitempty"`
}

type target struct {
	Name string `json:"name"`
}

type planned struct {
	V       int             `json:"v"`
	Steps   json.RawMessage `json:"steps"`
	Expires time.Time       `json:"expires,omitzero"`
	Digest  string          `json:"digest,omitempty"`
}

type accepted struct {
	Accepted bool `json:"accepted"`
}

type problem struct {
	Code actions.Code `json:"code"`
	Text string       `json:"text"`
}

// readProblem gives the error that a body carries, nil when it carries none with
// a code that we know.
func readProblem(body []byte) error {
	var p problem
	if json.Unmarshal(body, &p) != nil {
		return nil
	}
	switch p.Code {
	case actions.Drift, actions.Denied, actions.Retry, actions.Permanent, actions.Unknown:
		return actions.Errorf(p.Code, "%s", clip(p.Text))
	}
	return nil
}

// clip keeps foreign text short enough for a message and a log line.
func clip(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:most]), nil)) + "…"
}

// readPlan gives the one step of a plan's answer, checked against what was asked
// and against the plan's own digest.
func readPlan(body []byte, req actions.Request, now time.Time) (actions.Step, error) {
	var p planned
	if err := json.Unmarshal(body, &p); err != nil {
		return actions.Step{}, badAnswer(verbPlan, err)
	}
	if p.V != Version {
		return actions.Step{}, actions.Errorf(actions.Permanent, "the plan has version %d of the protocol, this Ripcord speaks %d", p.V, Version)
	}
	if p.Digest != "" {
		if d, err := stepsDigest(p.Steps); err != nil || d != p.Digest {
			return actions.Step{}, actions.Errorf(actions.Permanent, "the plan's digest is %s, its steps have %s: %v", clip(p.Digest), d, err)
		}
	}
	if !p.Expires.IsZero() && !now.Before(p.Expires) {
		return actions.Step{}, actions.Errorf(actions.Retry, "the plan expired at %s", p.Expires.UTC().Format(time.RFC3339))
	}
	var steps []actions.Step
	if err := json.Unmarshal(p.Steps, &steps); err != nil {
		return actions.Step{}, badAnswer(verbPlan, err)
	}
	if len(steps) != 1 || len(p.Steps) > maxStep {
		return actions.Step{}, actions.Errorf(actions.Permanent,
			"the plan has %d steps in %d bytes: it must have one step in at most %d", len(steps), len(p.Steps), maxStep)
	}
	return steps[0], checkStep(steps[0], req)
}

// checkStep refuses a step that is not the answer to the request: it would move
// something else than what is approved.
func checkStep(s actions.Step, req actions.Request) error {
	switch {
	case s.ID != "" && s.ID != req.StepID:
		return actions.Errorf(actions.Permanent, "the plan is of step %q, step %q was asked for", clip(s.ID), req.StepID)
	case s.From.Rev == "" || s.To.Rev == "":
		return actions.Errorf(actions.Permanent, "the planned step has no from.rev or no to.rev")
	case s.Class != "" && !slices.Contains([]actions.Class{actions.ClassA, actions.ClassB, actions.ClassC}, s.Class):
		return actions.Errorf(actions.Permanent, "the planned step has class %q: A, B and C are known", clip(string(s.Class)))
	case req.ToRev.Rev != "" && s.To.Rev != req.ToRev.Rev,
		req.ToRev.Digest != "" && s.To.Digest != "" && s.To.Digest != req.ToRev.Digest:
		return actions.Errorf(actions.Permanent, "the plan goes to %s %s, the ledger has %s %s for %s",
			clip(s.To.Rev), clip(s.To.Digest), req.ToRev.Rev, req.ToRev.Digest, req.To)
	}
	return nil
}

// stepsDigest is the sha256 of the canonical JSON of a plan's steps without their
// volatile eta: keys sorted, no white space, nothing escaped that need not be.
func stepsDigest(steps json.RawMessage) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(steps))
	decoder.UseNumber()
	var list []map[string]any
	if err := decoder.Decode(&list); err != nil {
		return "", fmt.Errorf("decode steps: %w", err)
	}
	for _, step := range list {
		delete(step, "eta")
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(list); err != nil {
		return "", fmt.Errorf("encode steps: %w", err)
	}
	sum := sha256.Sum256(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

func readAccepted(body []byte) error {
	var a accepted
	if err := json.Unmarshal(body, &a); err != nil || !a.Accepted {
		return actions.Errorf(actions.Unknown, `the answer to execute is not {"accepted":true} but %q`, clip(string(body)))
	}
	return nil
}

func readVerdict(body []byte) (actions.Verdict, error) {
	var v actions.Verdict
	if err := json.Unmarshal(body, &v); err != nil {
		return actions.Verdict{}, badAnswer(verbVerify, err)
	}
	switch v.Place {
	case actions.AtTo, actions.AtFrom, actions.Moving, actions.Elsewhere:
		v.Text = clip(v.Text)
		return v, nil
	}
	return actions.Verdict{}, actions.Errorf(actions.Permanent, "verdict %q is none of at_to, at_from, moving, elsewhere", clip(string(v.Place)))
}

func readSight(body []byte) (actions.Sight, error) {
	var s actions.Sight
	if err := json.Unmarshal(body, &s); err != nil {
		return actions.Sight{}, badAnswer(verbLook, err)
	}
	if s.Live.Revision.Rev == "" || s.Live.Version == "" {
		return actions.Sight{}, actions.Errorf(actions.Permanent, "the answer to look has no live.version or no live.revision.rev")
	}
	return s, nil
}

func badAnswer(verb string, err error) error {
	return actions.Errorf(actions.Permanent, "decode the answer to %s: %w", verb, err)
}
