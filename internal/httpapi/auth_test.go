package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
)

// may is what each role opens; written apart from the routes, as the promise that
// they are held against. Routes that are missing here fail the test.
var may = map[string]string{
	"GET /-/healthy": "all", "GET /-/ready": "all", "POST /slack/interactivity": "all",
	"POST /-/reload": "operate", "PUT /-/reload": "operate", "GET /metrics": "view",
	"GET /api/v1/openapi.yaml": "view", "GET /api/v1/targets": "view", "GET /api/v1/targets/{id}": "view",
	"GET /api/v1/incidents": "view", "GET /api/v1/incidents/{id}": "view", "GET /api/v1/rules": "view",
	"GET /api/v1/decisions": "view", "GET /api/v1/releases": "view", "GET /api/v1/quarantine": "view",
	"GET /api/v1/freezes": "view", "GET /api/v1/journal": "view", "GET /api/v1/journal:verify": "view",
	"GET /api/v1/watch": "view", "GET /api/v1/deadletter": "view", "GET /api/v1/deadletter/{id}": "view",
	"POST /api/v1/targets/{id}:rollback": "operate", "POST /api/v1/targets/{id}:release": "release",
	"POST /api/v1/targets/{id}:freeze": "operate approve", "POST /api/v1/targets/{id}:unfreeze": "operate",
	"POST /api/v1/targets/{id}:quarantine": "operate", "POST /api/v1/targets/{id}:lift": "operate",
	"POST /api/v1/freeze": "operate approve", "POST /api/v1/unfreeze": "operate",
	"POST /api/v1/incidents/{id}:approve": "approve", "POST /api/v1/incidents/{id}:deny": "approve",
	"POST /api/v1/incidents/{id}:veto": "approve", "POST /api/v1/incidents/{id}:retry": "operate",
	"POST /api/v1/incidents/{id}:close": "operate", "POST /api/v1/deadletter/{id}:requeue": "operate",
	"POST /api/v1/events": "ingest release", "POST /api/v1/alertmanager": "ingest",
}

// lookup knows a token for each role, one for all and one for none.
func lookup(token string) (Caller, bool) {
	name, ok := strings.CutPrefix(token, "token-")
	if !ok {
		return Caller{}, false
	}
	c := Caller{Person: incident.Person{Name: name, Groups: []string{"oncall"}}}
	switch name {
	case "every":
		c.Roles = []Role{Ingest, Release, View, Operate, Approve}
	case "nothing":
	case "robot":
		c.Person.Robot = true
		c.Roles = []Role{Approve, Operate}
	default:
		c.Roles = []Role{Role(name)}
	}
	return c, true
}

func withTokens(c *Config) {
	c.Lookup = lookup
	c.Watch = func(context.Context, func(journal.Stored) error) error { return nil } // ends at once
}

func TestAuthMatrix(t *testing.T) {
	rig := newRig(t, withTokens)
	routes := (&api{Config: rig.cfg}).routes()
	if len(routes) != len(may) {
		t.Errorf("the API has %d routes, the matrix %d", len(routes), len(may))
	}
	tokens := []string{"", "token-nothing", "token-ingest", "token-release", "token-view", "token-operate", "token-approve", "token-every", "wrong"}
	cases := 0
	for _, route := range routes {
		key := route.method + " " + route.path
		roles, ok := may[key]
		if !ok {
			t.Errorf("%s is not in the matrix", key)
		}
		path := strings.Replace(strings.Replace(route.path, "deadletter/{id}", "deadletter/99", 1), "{id}", "none", 1)
		for _, token := range tokens {
			cases++
			var header []string
			if token != "" {
				header = []string{"Authorization", "Bearer " + token}
			}
			sent := ""
			if strings.HasPrefix(roles, "ingest") {
				sent = "{}"
			}
			status, body, got := rig.send(t, route.method, path, sent, header...)
			role := strings.TrimPrefix(token, "token-")
			switch {
			case roles == "all" || role == "every" || slices.Contains(strings.Fields(roles), role):
				if status == http.StatusUnauthorized || status == http.StatusForbidden {
					t.Errorf("%s with %q → %d, want to get in\n%s", key, token, status, body)
				}
			case token == "" || token == "wrong":
				if status != http.StatusUnauthorized || got.Get("WWW-Authenticate") == "" {
					t.Errorf("%s with %q → %d, want 401", key, token, status)
				}
			case status != http.StatusForbidden:
				t.Errorf("%s with %q → %d, want 403", key, token, status)
			}
		}
	}
	if cases < 200 {
		t.Errorf("%d cases, want at least 200", cases)
	}
}

// Whoever has no token learns nothing from the shape of the refusal.
func TestRefusalsHaveOneShape(t *testing.T) {
	rig := newRig(t, withTokens)
	bodies := map[int]string{}
	check := func(want int, method, path, authorization string) {
		t.Helper()
		status, body, _ := rig.send(t, method, path, "", "Authorization", authorization)
		if status != want || len(body) > 1024 {
			t.Errorf("%s %s with %q → %d (%d bytes), want %d", method, path, authorization, status, len(body), want)
		}
		if first, ok := bodies[status]; ok && first != body {
			t.Errorf("%s %s with %q has a body of its own: %s", method, path, authorization, body)
		}
		bodies[status] = body
	}
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic dG9rZW4=", "bearer token-every", "token-every"} {
		check(401, "GET", "/api/v1/targets", authorization)
		check(401, "POST", "/api/v1/incidents/fraud-1:approve", authorization)
		check(401, "GET", "/no/such/path", authorization)
		check(401, "DELETE", "/api/v1/targets", authorization)
		check(401, "POST", "/api/v1/targets/fraud:explode", authorization)
	}
	for _, path := range []string{"/api/v1/targets", "/api/v1/incidents/fraud-1", "/api/v1/incidents/none-1", "/metrics"} {
		check(403, "GET", path, "Bearer token-nothing")
	}
}

func TestOpenAPIsGuards(t *testing.T) {
	rig := newRig(t, func(c *Config) { c.ExternalURL = "https://ripcord.example.com" })
	for _, c := range []struct {
		name, method, path string
		header             []string
		want               int
	}{
		{"a plain request from this machine", "GET", "/api/v1/targets", nil, 200},
		{"localhost by name", "GET", "/api/v1/targets", []string{"Host", "localhost:9413"}, 200},
		{"IPv6 loopback", "GET", "/api/v1/targets", []string{"Host", "[::1]:9413"}, 200},
		{"loopback without a port", "GET", "/api/v1/targets", []string{"Host", "127.0.0.2"}, 200},
		{"the external name", "GET", "/api/v1/targets", []string{"Host", "ripcord.example.com"}, 200},
		{"a name that was rebound", "GET", "/api/v1/targets", []string{"Host", "evil.example:9413"}, 403},
		{"a name that only begins like ours", "GET", "/api/v1/targets", []string{"Host", "localhost.evil.example"}, 403},
		{"another machine's address", "GET", "/api/v1/targets", []string{"Host", "10.0.0.1:9413"}, 403},
		{"health asks for no name", "GET", "/-/healthy", []string{"Host", "evil.example"}, 200},
		{"a post from another site's page", "POST", "/api/v1/freeze", []string{"Origin", "https://evil.example"}, 403},
		{"a post that the browser marks as cross-site", "POST", "/api/v1/freeze", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a post from a sandboxed page", "POST", "/api/v1/freeze", []string{"Origin", "null"}, 403},
		{"a post from our own external page", "POST", "/api/v1/freeze", []string{"Origin", "https://ripcord.example.com"}, 204},
		{"a post from our own page", "POST", "/api/v1/freeze", []string{"Origin", "http://localhost:9413", "Host", "localhost:9413"}, 204},
		{"a post without an origin", "POST", "/api/v1/freeze", nil, 204},
		{"reading from another site's page is the browser's to refuse", "GET", "/api/v1/targets", []string{"Origin", "https://evil.example"}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body, header := rig.send(t, c.method, c.path, "", c.header...)
			if status != c.want {
				t.Errorf("→ %d, want %d\n%s", status, c.want, body)
			}
			if header.Get("Access-Control-Allow-Origin") != "" || header.Get("X-Content-Type-Options") != "nosniff" || header.Get("X-Frame-Options") != "DENY" {
				t.Errorf("headers: %v", header)
			}
		})
	}
}

func TestTokensStillRefuseForeignPages(t *testing.T) {
	rig := newRig(t, withTokens)
	status, _, _ := rig.send(t, "POST", "/api/v1/freeze", "", "Authorization", "Bearer token-every", "Origin", "https://evil.example")
	if status != 403 {
		t.Errorf("→ %d, want 403", status)
	}
	status, _, _ = rig.send(t, "POST", "/api/v1/freeze", "", "Authorization", "Bearer token-every", "Host", "any.example")
	if status != 204 {
		t.Errorf("with a token any host name will do, → %d", status)
	}
}

// While the API is open, everybody is the local person: in the groups that may
// approve, and not in the place of people who are named.
func TestLocalPerson(t *testing.T) {
	var got Caller
	rig := newRig(t, func(c *Config) {
		c.Ingest = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = CallerFrom(r.Context()) })
	})
	rig.send(t, "POST", "/api/v1/events", "{}", "User-Agent", "curl/8")
	if got.Person.Name != "local" || got.Person.Via != "http" || !slices.Equal(got.Person.Groups, []string{"oncall"}) || !got.May(Approve) {
		t.Errorf("caller = %+v", got)
	}
	if c := CallerFrom(t.Context()); c.Person.Name != "" || c.May(View) {
		t.Errorf("a request from nowhere has the caller %+v", c)
	}
}
