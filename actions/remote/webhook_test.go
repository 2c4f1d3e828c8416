package remote

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, what string, err error, want actions.Code) {
	t.Helper()
	if got := actions.CodeOf(err); got != want {
		t.Errorf("%s: error %v has code %q, want %q", what, err, got, want)
	}
}

// What an answer means, for execute and for a verb that changes nothing.
func TestAnswers(t *testing.T) {
	const again = "again"
	for name, c := range map[string]struct {
		status        int
		header        string
		body          string
		execute, plan actions.Code
	}{
		"401":                             {status: 401, execute: actions.Denied, plan: actions.Denied},
		"403":                             {status: 403, execute: actions.Denied, plan: actions.Denied},
		"404":                             {status: 404, execute: actions.Permanent, plan: actions.Permanent},
		"409 without a code is no drift":  {status: 409, execute: actions.Permanent, plan: actions.Permanent},
		"409 with the code":               {status: 409, body: `{"code":"drift","text":"at v3"}`, execute: actions.Drift, plan: actions.Drift},
		"a code that nobody knows":        {status: 409, body: `{"code":"oops"}`, execute: actions.Permanent, plan: actions.Permanent},
		"408":                             {status: 408, execute: actions.Unknown, plan: actions.Retry},
		"429":                             {status: 429, execute: actions.Retry, plan: actions.Retry},
		"503 that says when to come back": {status: 503, header: again, execute: actions.Retry, plan: actions.Retry},
		"503 of a gateway":                {status: 503, execute: actions.Unknown, plan: actions.Retry},
		"503 with the code":               {status: 503, body: `{"code":"retry","text":"warming up"}`, execute: actions.Retry, plan: actions.Retry},
		"500":                             {status: 500, execute: actions.Unknown, plan: actions.Retry},
		"500 with the code":               {status: 500, body: `{"code":"permanent","text":"no"}`, execute: actions.Permanent, plan: actions.Permanent},
		"501":                             {status: 501, execute: actions.Permanent, plan: actions.Permanent},
		"502":                             {status: 502, execute: actions.Unknown, plan: actions.Retry},
		"504":                             {status: 504, execute: actions.Unknown, plan: actions.Retry},
		"200 with an error's code":        {status: 200, body: `{"code":"denied","text":"frozen"}`, execute: actions.Denied, plan: actions.Denied},
		"200 with something else":         {status: 200, body: `<html>welcome</html>`, execute: actions.Unknown, plan: actions.Permanent},
		"200 that does not accept":        {status: 200, body: `{"accepted":false}`, execute: actions.Unknown, plan: actions.Permanent},
		"204":                             {status: 204, execute: actions.Unknown, plan: actions.Permanent},
		"more than anybody would say":     {status: 200, body: strings.Repeat("x", maxBody+1), execute: actions.Unknown, plan: actions.Permanent},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				if c.header == again {
					w.Header().Set("Retry-After", "7")
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			defer server.Close()
			a := open(t, server.URL, "")
			err := a.Execute(t.Context(), actions.Step{ID: "s/0"}, attempt())
			wantCode(t, "execute", err, c.execute)
			if c.header == again && !strings.Contains(err.Error(), "7") {
				t.Errorf("%v does not say when to come back", err)
			}
			_, err = a.Plan(t.Context(), actions.Request{StepID: "s/0", To: "v1"})
			wantCode(t, "plan", err, c.plan)
			if n := requests.Load(); n != 2 {
				t.Errorf("%d requests for two calls", n)
			}
		})
	}
}

// A call that no server can have read may be tried again; any other one is
// unknown, and is never sent twice.
func TestBrokenConnections(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_, _ = conn.Read(make([]byte, 100))
			conn.Close()
		}
	}()
	defer listener.Close()
	a := open(t, "http://"+listener.Addr().String(), "")
	wantCode(t, "reset after the request", a.Execute(t.Context(), actions.Step{ID: "s/0"}, attempt()), actions.Unknown)
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for one execute", n)
	}
	_, err = a.Verify(t.Context(), actions.Step{ID: "s/0"})
	wantCode(t, "reset of a verify", err, actions.Retry)

	listener.Close()
	wantCode(t, "connection refused", a.Execute(t.Context(), actions.Step{ID: "s/0"}, attempt()), actions.Retry)

	nobody := open(t, "http://ripcord-test.invalid", "")
	wantCode(t, "no such name", nobody.Execute(t.Context(), actions.Step{ID: "s/0"}, attempt()), actions.Retry)

	stranger := httptest.NewTLSServer(http.NotFoundHandler())
	defer stranger.Close()
	stranger.Config.ErrorLog = nil
	wantCode(t, "a certificate of a stranger", open(t, stranger.URL, "").Execute(t.Context(), actions.Step{ID: "s/0"}, attempt()), actions.Denied)
}

func TestSlowServerIsUnknownAfterTheTimeout(t *testing.T) {
	f := newFake(t, "v1", "v2")
	a := open(t, f.URL+"/hook", "timeout: 100ms\n")
	s, err := a.Plan(t.Context(), actions.Request{StepID: "s/0", To: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	f.stall(t)
	wantCode(t, "execute", a.Execute(t.Context(), s, attempt()), actions.Unknown)
	if v, err := a.Verify(t.Context(), s); err != nil || v.Place != actions.AtTo {
		t.Errorf("verdict %+v, error %v", v, err)
	}
}

func TestRequestsOnTheWire(t *testing.T) {
	f := newFake(t, "v1", "v2")
	dir := t.TempDir()
	writeFile(t, dir, "token", "first\n")
	a, err := NewWebhook(configured(t, dir, "url: "+f.URL+"/hook?tenant=a\nallow_private: [127.0.0.0/8]\n"+
		"authorization: {credentials_file: token}\nsettings: {cluster: blue, weights: [1, 2]}\nhttp_headers: {X-Team: {values: [ml]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.Plan(t.Context(), actions.Request{Target: "scorer", Incident: "inc-1", StepID: "s/0", To: "v1", ToRev: actions.Revision{Rev: "v1"}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind != "webhook" || s.Place != "fake/model" || s.Class != actions.ClassB || s.ID != "s/0" || s.Text == "" {
		t.Errorf("step %+v", s)
	}
	writeFile(t, dir, "token", "second\n")
	late := attempt()
	if err := a.Execute(t.Context(), s, late); err != nil {
		t.Fatal(err)
	}

	plan, execute := f.sent("plan")[0], f.sent("execute")[0]
	if got := plan.header.Get("Authorization"); got != "Bearer first" {
		t.Errorf("plan is authorized by %q", got)
	}
	if got := execute.header.Get("Authorization"); got != "Bearer second" {
		t.Errorf("execute is authorized by %q: the file was not read again", got)
	}
	if got := execute.header.Get("Idempotency-Key"); got != "inc-1/s/0" || plan.header.Get("Idempotency-Key") != "" {
		t.Errorf("idempotency key %q", got)
	}
	for name, want := range map[string]string{"User-Agent": "ripcord", "Content-Type": "application/json", "X-Team": "ml"} {
		if got := execute.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	target, settings := plan.body["target"].(object), plan.body["settings"].(object)
	if plan.body["v"] != 1.0 || plan.body["verb"] != "plan" || target["name"] != "scorer" || plan.body["to"] != "v1" ||
		plan.body["incident"] != "inc-1" || settings["cluster"] != "blue" {
		t.Errorf("plan is %v", plan.body)
	}
	token := execute.body["token"].(object)
	if execute.body["key"] != "inc-1/s/0" || execute.body["attempt"] != 2.0 || token["epoch"] != 3.0 ||
		execute.body["deadline"] != late.Deadline.Format(time.RFC3339Nano) {
		t.Errorf("execute is %v", execute.body)
	}
}

func TestLookIsOptional(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := open(t, server.URL, "").Look(t.Context())
	wantCode(t, "look", err, actions.Permanent)
	if err == nil || !strings.Contains(err.Error(), "identity step") {
		t.Errorf("%v does not say what to do", err)
	}
}

func TestWebhookSettings(t *testing.T) {
	const ok = "url: https://hooks.example.com/a\n"
	for name, c := range map[string]struct{ text, want string }{
		"the least":                  {ok, ""},
		"a class":                    {ok + "class: C\n", ""},
		"client settings":            {ok + "tls_config: {server_name: x}\nbasic_auth: {username: u, password_file: p}\n", ""},
		"nothing":                    {"{}", "url"},
		"an unknown key":             {ok + "clas: C\n", "line 2"},
		"an unknown key of a client": {ok + "basic_auth:\n  user: u\n", "line 3"},
		"a class that is none":       {ok + "class: D\n", "class"},
		"another scheme":             {"url: file:///etc/passwd\n", "https://"},
		"a user":                     {"url: 'https://me:hush@hooks.example.com/'\n", "basic_auth"},
		"a fragment":                 {"url: 'https://hooks.example.com/#x'\n", "fragment"},
		"no URL":                     {"url: 'http://me:hush@h:port/'\n", "no URL"},
		"a secret in the file":       {ok + "authorization: {credentials: hush}\n", "credentials_file"},
		"an old secret in the file":  {ok + "bearer_token: hush\n", "bearer_token_file"},
		"a proxy":                    {ok + "proxy_url: http://p:3128\n", "proxy"},
		"the environment's proxy":    {ok + "proxy_from_environment: true\n", "proxy"},
		"two ways to log in":         {ok + "basic_auth: {username: u}\nauthorization: {credentials_file: t}\n", "at most one"},
		"a token server in the open": {ok + "oauth2: {client_id: c, client_secret_file: s, token_url: 'http://t/'}\n", "token_url"},
		"loopback as a literal":      {"url: http://127.0.0.1:1/\n", "allow_private"},
		"a public address in plain":  {"url: http://93.184.216.34/\n", "https"},
		"two problems at once":       {"url: ftp://h\nclass: D\n", "class"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewWebhook(configured(t, "", c.text))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the error prints a secret: %v", err)
			}
		})
	}
}
