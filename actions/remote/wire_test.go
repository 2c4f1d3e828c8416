package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

const oneStep = `{"id":"s/0","kind":"k","place":"p","from":{"rev":"v2"},"to":{"rev":"v1","digest":"d"},"class":"A","text":"über <p> & so","eta":7}`

// The digest that python3 -c 'json.dumps(steps, sort_keys=True, separators=(",", ":"),
// ensure_ascii=False)' gives without eta.
const oneDigest = "sha256:f69beaa7ef8c0795b051864580912e67920639fad846ab4b86b6a78a633d8a5e"

func TestStepsDigestIsThatOfOtherLanguages(t *testing.T) {
	for name, steps := range map[string]string{
		"as written":       "[" + oneStep + "]",
		"with white space": "[\n " + strings.ReplaceAll(oneStep, ",", " , ") + "\n]",
		"another eta":      "[" + strings.Replace(oneStep, `"eta":7`, `"eta":8`, 1) + "]",
		"escaped":          "[" + strings.Replace(oneStep, "ü", `\u00fc`, 1) + "]",
	} {
		if got, err := stepsDigest(json.RawMessage(steps)); err != nil || got != oneDigest {
			t.Errorf("%s: %s, error %v", name, got, err)
		}
	}
}

func TestReadPlan(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	body := func(v int, steps, more string) string { return fmt.Sprintf(`{"v":%d,"steps":[%s]%s}`, v, steps, more) }
	change := func(old, new string) string { return strings.Replace(oneStep, old, new, 1) }
	for name, c := range map[string]struct {
		body  string
		known actions.Revision
		want  actions.Code
	}{
		"a plan":                        {body: body(1, oneStep, "")},
		"with its digest":               {body: body(1, oneStep, `,"digest":"`+oneDigest+`"`)},
		"that is still good":            {body: body(1, oneStep, `,"expires":"2026-11-24T12:00:01Z"`)},
		"with fields of the future":     {body: body(1, change(`"kind"`, `"risk":"low","kind"`), `,"future":{}`)},
		"of the ledger's revision":      {body: body(1, oneStep, ""), known: actions.Revision{Rev: "v1", Digest: "d"}},
		"without an id and a class":     {body: body(1, `{"from":{"rev":"v2"},"to":{"rev":"v1"}}`, "")},
		"with another digest":           {body: body(1, oneStep, `,"digest":"sha256:00"`), want: actions.Permanent},
		"that has expired":              {body: body(1, oneStep, `,"expires":"2026-11-24T12:00:00Z"`), want: actions.Retry},
		"of another version":            {body: body(2, oneStep, ""), want: actions.Permanent},
		"of no version":                 {body: `{"steps":[` + oneStep + `]}`, want: actions.Permanent},
		"with two steps":                {body: body(1, oneStep+","+oneStep, ""), want: actions.Permanent},
		"with none":                     {body: body(1, "", ""), want: actions.Permanent},
		"without steps":                 {body: `{"v":1}`, want: actions.Permanent},
		"of another step":               {body: body(1, change("s/0", "s/1"), ""), want: actions.Permanent},
		"that goes nowhere":             {body: body(1, change(`"v1"`, `""`), ""), want: actions.Permanent},
		"that comes from nowhere":       {body: body(1, change(`"v2"`, `""`), ""), want: actions.Permanent},
		"of a class nobody knows":       {body: body(1, change(`"A"`, `"S"`), ""), want: actions.Permanent},
		"to another revision":           {body: body(1, oneStep, ""), known: actions.Revision{Rev: "v0"}, want: actions.Permanent},
		"to another thing of that name": {body: body(1, oneStep, ""), known: actions.Revision{Rev: "v1", Digest: "e"}, want: actions.Permanent},
		"that is too long":              {body: body(1, change("über", strings.Repeat("x", maxStep)), ""), want: actions.Permanent},
		"that is no JSON":               {body: "OK", want: actions.Permanent},
		"with something behind it":      {body: body(1, oneStep, "") + "{}", want: actions.Permanent},
	} {
		s, err := readPlan([]byte(c.body), actions.Request{StepID: "s/0", To: "v1", ToRev: c.known}, now)
		wantCode(t, name, err, c.want)
		if err == nil && (s.To.Rev != "v1" || s.From.Rev != "v2") {
			t.Errorf("%s: step %+v", name, s)
		}
	}
}

func TestAServerCannotPromiseMoreThanItsSettings(t *testing.T) {
	for _, c := range []struct{ server, settings, want actions.Class }{
		{"A", actions.ClassB, actions.ClassB},
		{"C", actions.ClassB, actions.ClassC},
		{"A", actions.ClassC, actions.ClassC},
		{"", actions.ClassB, actions.ClassB},
		{"A", actions.ClassA, actions.ClassA},
	} {
		client := New(Config{Kind: "webhook", Place: "https://h/", Class: c.settings}, nil)
		s := client.adopt(actions.Step{Kind: "kubernetes/workload", Class: c.server}, actions.Request{StepID: "s/0"})
		if s.Class != c.want || s.Kind != "webhook" || s.Place != "https://h/" {
			t.Errorf("server %q, settings %q: %+v", c.server, c.settings, s)
		}
	}
}

func TestReadSightAndVerdict(t *testing.T) {
	for _, body := range []string{``, `[]`, `{}`, `{"live":{"version":"v1"}}`, `{"live":{"revision":{"rev":"v1"}}}`} {
		if s, err := readSight([]byte(body)); err == nil {
			t.Errorf("look answered %q: %+v", body, s)
		}
	}
	for _, body := range []string{``, `{}`, `{"verdict":"fine"}`, `"at_to"`} {
		if v, err := readVerdict([]byte(body)); err == nil {
			t.Errorf("verify answered %q: %+v", body, v)
		}
	}
}

func TestHandlerRefuses(t *testing.T) {
	server := httptest.NewServer(Handler(nil)) // no request gets as far as the action
	defer server.Close()
	for name, c := range map[string]struct {
		path, body string
		status     int
		code       actions.Code
	}{
		"no JSON":                  {"/plan", "x", 422, actions.Permanent},
		"another version":          {"/plan", `{"v":2,"verb":"plan"}`, 422, actions.Permanent},
		"another verb":             {"/plan", `{"v":1,"verb":"execute"}`, 422, actions.Permanent},
		"no step":                  {"/verify", `{"v":1,"verb":"verify"}`, 422, actions.Permanent},
		"no key":                   {"/execute", `{"v":1,"verb":"execute","step":{}}`, 422, actions.Permanent},
		"a deadline that is over":  {"/execute", `{"v":1,"verb":"execute","step":{},"key":"k","deadline":"2020-01-01T00:00:00Z"}`, 503, actions.Retry},
		"more than anybody asks":   {"/plan", strings.Repeat(" ", maxBody+1), 422, actions.Permanent},
		"a verb that is not there": {"/undo", `{}`, 404, ""},
	} {
		resp, err := http.Post(server.URL+c.path, "application/json", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		var p problem
		_ = json.NewDecoder(resp.Body).Decode(&p)
		resp.Body.Close()
		if resp.StatusCode != c.status || p.Code != c.code {
			t.Errorf("%s: status %d, %+v", name, resp.StatusCode, p)
		}
	}
}

// slow is an action whose Execute waits, then tells how its context is.
type slow struct {
	actions.Action
	begun, release chan struct{}
	ended          chan error
}

func (s *slow) Execute(ctx context.Context, _ actions.Step, _ actions.Attempt) error {
	close(s.begun)
	<-s.release
	s.ended <- ctx.Err()
	return nil
}

func TestHandlerFinishesWhatItBegan(t *testing.T) {
	s := &slow{begun: make(chan struct{}), release: make(chan struct{}), ended: make(chan error, 1)}
	hungUp := make(chan struct{})
	handler := Handler(s)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		context.AfterFunc(r.Context(), func() { close(hungUp) })
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-s.begun; cancel() }()
	wantCode(t, "hanging up", open(t, server.URL, "").Execute(ctx, actions.Step{ID: "s/0"}, attempt()), actions.Unknown)
	<-hungUp
	close(s.release)
	if err := <-s.ended; err != nil {
		t.Errorf("a caller who hung up has torn the move: %v", err)
	}
}

// Whatever a server answers: no panic, and what is taken is bounded and goes where
// it was asked to.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"steps":[` + oneStep + `],"digest":"` + oneDigest + `"}`, `{"accepted":true}`, `{"code":"drift","text":"at v3"}`,
		`{"verdict":"at_to","seen":{"rev":"v1"},"text":"ok"}`, `{"live":{"version":"v1","revision":{"rev":"v1"}}}`,
		`{"v":1,"steps":[null]}`, `null`, `[]`, `{"v":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	req := actions.Request{StepID: "s/0", To: "v1", ToRev: actions.Revision{Rev: "v1", Digest: "d"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		if s, err := readPlan(body, req, time.Unix(0, 0)); err == nil {
			if s.To.Rev != "v1" || s.To.Digest != "" && s.To.Digest != "d" || s.From.Rev == "" || s.ID != "" && s.ID != "s/0" {
				t.Errorf("the step is not what was asked for: %+v", s)
			}
			if raw, err := json.Marshal(s); err != nil || len(raw) > 8*maxStep {
				t.Errorf("the step is not bounded: %d bytes, %v", len(raw), err)
			}
		}
		if v, err := readVerdict(body); err == nil && v.Place == "" {
			t.Error("a verdict without a place")
		}
		if s, err := readSight(body); err == nil && (s.Live.Version == "" || s.Live.Revision.IsZero()) {
			t.Error("a sight of nothing")
		}
		if err := readProblem(body); err != nil && len(err.Error()) > 600 {
			t.Errorf("a text of %d bytes", len(err.Error()))
		}
		_ = readAccepted(body)
		for _, verb := range []string{verbLook, verbPlan, verbExecute, verbVerify} {
			if c, err := readCall(strings.NewReader(string(body)), verb); err == nil && c.Verb != verb {
				t.Errorf("a call of %s came as %s", c.Verb, verb)
			}
		}
	})
}
