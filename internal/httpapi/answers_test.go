package httpapi

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
)

func asProblem(t *testing.T, err error) *client.Problem {
	t.Helper()
	var p *client.Problem
	if !errors.As(err, &p) {
		t.Fatalf("error %v is no problem", err)
	}
	return p
}

func TestApprove(t *testing.T) {
	rig := newRig(t, nil)
	c, open := rig.client(t, ""), rig.open(t)
	got, err := c.Approve(t.Context(), open.ID, client.Answer{Digest: open.Digest, Revision: open.Revision, Comment: "go"})
	if err != nil {
		t.Fatal(err)
	}
	if got.State != incident.Executing || got.To != "v1" || got.Digest != open.Digest || got.Incident.To != "v1" {
		t.Errorf("incident = %s to %q digest %q", got.State, got.To, got.Digest)
	}
	if a := got.Approvals[len(got.Approvals)-1]; a.By.Name != "local" || a.By.Via != "cli" || a.Note != "go" {
		t.Errorf("approval = %+v", a)
	}
}

// Two who looked at the same moment both count: the first yes does not make the
// second one stale.
func TestQuorum(t *testing.T) {
	rig := newRig(t, withTokens)
	policy := rig.engine.policies["fraud"]
	policy.Quorum = 2
	rig.engine.policies["fraud"] = policy
	open := rig.open(t)
	answer := client.Answer{Digest: open.Digest, Revision: open.Revision}
	first, err := rig.client(t, "token-approve").Approve(t.Context(), open.ID, answer)
	if err != nil || first.State != incident.AwaitingApproval || first.Revision <= open.Revision {
		t.Fatalf("the first yes: %s at revision %d, %v", first.State, first.Revision, err)
	}
	_, err = rig.client(t, "token-approve").Approve(t.Context(), open.ID, answer)
	if p := asProblem(t, err); !p.Clash() {
		t.Errorf("the same person's second yes: %+v", p)
	}
	second, err := rig.client(t, "token-every").Approve(t.Context(), open.ID, answer)
	if err != nil || second.State != incident.Executing {
		t.Errorf("the second yes: %s, %v", second.State, err)
	}
}

// Retry and close refuse a revision that has been overtaken.
func TestStaleClose(t *testing.T) {
	rig := newRig(t, nil)
	open := rig.open(t)
	_, err := rig.client(t, "").Close(t.Context(), open.ID, client.Answer{Comment: "x", Revision: open.Revision - 1})
	if p := asProblem(t, err); !p.Clash() || p.Incident == nil || p.Incident.Revision != open.Revision {
		t.Errorf("problem = %+v", p)
	}
}

// Somebody else was first: the answer says who, and how it stands now.
func TestConflictCarriesTheWinner(t *testing.T) {
	rig := newRig(t, withTokens)
	open := rig.open(t)
	answer := client.Answer{Digest: open.Digest, Revision: open.Revision}
	if _, err := rig.client(t, "token-approve").Approve(t.Context(), open.ID, answer); err != nil {
		t.Fatal(err)
	}
	for verb, say := range map[string]func() (client.Incident, error){
		"approve": func() (client.Incident, error) {
			return rig.client(t, "token-every").Approve(t.Context(), open.ID, client.Answer{Digest: open.Digest, Revision: open.Revision + 1})
		},
		"a stale approve": func() (client.Incident, error) {
			return rig.client(t, "token-every").Approve(t.Context(), open.ID, answer)
		},
		"deny": func() (client.Incident, error) {
			return rig.client(t, "token-every").Deny(t.Context(), open.ID, client.Answer{})
		},
		"veto": func() (client.Incident, error) {
			return rig.client(t, "token-every").Veto(t.Context(), open.ID, client.Answer{})
		},
		"retry": func() (client.Incident, error) {
			return rig.client(t, "token-every").Retry(t.Context(), open.ID, client.Answer{})
		},
		"rollback": func() (client.Incident, error) {
			return rig.client(t, "token-every").Rollback(t.Context(), "fraud", client.Rollback{Reason: "now"})
		},
	} {
		_, err := say()
		p := asProblem(t, err)
		if !p.Clash() || p.Incident == nil || p.Incident.ID != open.ID || p.Incident.State != incident.Executing {
			t.Errorf("%s: %+v", verb, p)
			continue
		}
		if winner := p.Incident.Approvals[len(p.Incident.Approvals)-1].By.Name; winner != "approve" {
			t.Errorf("%s: the winner is %q", verb, winner)
		}
	}
	_, err := rig.client(t, "token-every").Deny(t.Context(), open.ID, client.Answer{})
	if p := asProblem(t, err); !strings.Contains(p.Detail, "already approved by approve") {
		t.Errorf("detail = %q", p.Detail)
	}
}

func TestRefusals(t *testing.T) {
	rig := newRig(t, withTokens)
	open := rig.open(t)
	_, err := rig.client(t, "token-robot").Approve(t.Context(), open.ID, client.Answer{Digest: open.Digest, Revision: open.Revision})
	if p := asProblem(t, err); p.Status != 403 || !strings.Contains(p.Detail, "robot") {
		t.Errorf("a robot's approval: %+v", p)
	}
	_, err = rig.client(t, "token-approve").Approve(t.Context(), open.ID, client.Answer{Digest: "sha256:other", Revision: open.Revision})
	if p := asProblem(t, err); p.Status != 409 || p.Incident == nil {
		t.Errorf("another plan's digest: %+v", p)
	}
	_, err = rig.client(t, "token-operate").Rollback(t.Context(), "shop", client.Rollback{To: "v9", Reason: "x"})
	if p := asProblem(t, err); p.Status != 404 {
		t.Errorf("a version that is not there: %+v", p)
	}
	denied, err := rig.client(t, "token-approve").Deny(t.Context(), open.ID, client.Answer{Comment: "not it"})
	if err != nil || denied.State != incident.Denied {
		t.Errorf("deny: %v, %v", denied.State, err)
	}
}

func TestJournalAway(t *testing.T) {
	rig := newRig(t, nil)
	open := rig.open(t)
	rig.engine.down = fmt.Errorf("append: %w", journal.ErrUnavailable)
	c := rig.client(t, "")
	_, err := c.Approve(t.Context(), open.ID, client.Answer{Digest: open.Digest, Revision: open.Revision})
	for name, err := range map[string]error{
		"approve": err,
		"freeze":  c.Freeze(t.Context(), "", client.Hold{}),
		"release": func() error {
			_, err := c.Release(t.Context(), "shop", client.NewRelease{Version: "v3"})
			return err
		}(),
		"targets": func() error {
			_, err := c.Targets(t.Context(), client.Query{})
			return err
		}(),
	} {
		if p := asProblem(t, err); p.Status != 503 || p.Detail != "not recorded, retry" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if status, _, header := rig.send(t, "GET", "/api/v1/targets", ""); status != 503 || header.Get("Retry-After") == "" {
		t.Errorf("→ %d without Retry-After: %v", status, header)
	}
	rig.engine.down = errors.New("disk on fire at 10.0.0.7")
	if status, body, _ := rig.send(t, "GET", "/api/v1/targets", ""); status != 500 || strings.Contains(body, "10.0.0.7") {
		t.Errorf("→ %d %s: causes are for the log", status, body)
	}
}

func TestMalformedBodies(t *testing.T) {
	rig := newRig(t, nil)
	id := rig.open(t).ID
	approve, freeze := "/api/v1/incidents/"+id+":approve", "/api/v1/targets/fraud:freeze"
	before := rig.engine.states["fraud"].Incident.Revision
	for _, c := range []struct {
		name, path, body, contentType string
		want                          int
		detail                        string
	}{
		{"no digest", approve, `{"revision": 1}`, "", 400, "digest and revision"},
		{"no body", approve, "", "", 400, "digest and revision"},
		{"not JSON", approve, `{digest`, "", 400, "not valid JSON"},
		{"an array", approve, `[]`, "", 400, ""},
		{"a member twice", approve, `{"digest":"a","digest":"b","revision":1}`, "", 400, "digest"},
		{"a member in capitals", approve, `{"digest":"a","DIGEST":"b","revision":1}`, "", 400, `unknown field "DIGEST"`},
		{"an unknown member", approve, `{"digest":"a","revision":1,"force":true}`, "", 400, `unknown field "force"`},
		{"a number for a text", approve, `{"digest":7,"revision":1}`, "", 400, "digest"},
		{"two objects", approve, `{"digest":"a","revision":1}{}`, "", 400, "not valid JSON"},
		{"a negative revision", approve, `{"digest":"a","revision":-1}`, "", 400, "digest and revision"},
		{"a form, as a browser sends it", approve, `digest=a`, "application/x-www-form-urlencoded", 415, "JSON"},
		{"text, as a browser sends it", approve, `{}`, "text/plain", 415, "JSON"},
		{"a body over the cap", approve, `{"comment":"` + strings.Repeat("x", maxBody) + `"}`, "", 413, "larger than 64 KiB"},
		{"bytes that are no UTF-8", approve, "{\"digest\":\"\xff\"}", "", 400, "UTF-8"},
		{"a duration that is none", freeze, `{"for":"soon"}`, "", 400, `"soon"`},
		{"for and until", freeze, `{"for":"1h","until":"2030-01-01T00:00:00Z"}`, "", 400, "both"},
		{"until the past", freeze, `{"until":"2020-01-01T00:00:00Z"}`, "", 400, "past"},
		{"no reason for a rollback", "/api/v1/targets/fraud:rollback", `{"reason":" "}`, "", 400, "reason is missing"},
		{"no reason for unfreezing", "/api/v1/unfreeze", `{}`, "", 400, "reason is missing"},
		{"no reason for closing", "/api/v1/incidents/" + id + ":close", `{}`, "", 400, "reason"},
		{"no version to lift", "/api/v1/targets/fraud:lift", `{"reason":"x"}`, "", 400, "version is missing"},
		{"a version with a space", "/api/v1/targets/fraud:release", `{"version":"v 3"}`, "", 400, "version"},
		{"a release in the future", "/api/v1/targets/fraud:release", `{"version":"v3","at":"2030-01-01T00:00:00Z"}`, "", 400, "future"},
		{"no such verb", "/api/v1/incidents/" + id + ":explode", `{}`, "", 404, ""},
		{"no such target", "/api/v1/targets/nobody:freeze", `{}`, "", 404, `"nobody"`},
		{"no such incident", "/api/v1/incidents/fraud-99:approve", `{"digest":"a","revision":1}`, "", 404, "fraud-99"},
		{"an incident of no target", "/api/v1/incidents/nobody-1:approve", `{"digest":"a","revision":1}`, "", 404, "nobody-1"},
		{"an id without a number", "/api/v1/incidents/x:approve", `{"digest":"a","revision":1}`, "", 404, ""},
		{"a dead letter that is no number", "/api/v1/deadletter/x:requeue", ``, "", 400, "dead letter"},
		{"a dead letter that is gone", "/api/v1/deadletter/77:requeue", ``, "", 404, "no such dead letter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var header []string
			if c.contentType != "" {
				header = []string{"Content-Type", c.contentType}
			}
			status, body, _ := rig.send(t, "POST", c.path, c.body, header...)
			if status != c.want || !strings.Contains(body, strings.ReplaceAll(c.detail, `"`, `\"`)) {
				t.Errorf("→ %d %s, want %d with %q", status, body, c.want, c.detail)
			}
		})
	}
	if after := rig.engine.states["fraud"].Incident.Revision; after != before {
		t.Errorf("a refused request has changed the incident: revision %d → %d", before, after)
	}
}

func TestMethods(t *testing.T) {
	rig := newRig(t, nil)
	for _, c := range []struct {
		method, path, allow string
		want                int
	}{
		{"DELETE", "/api/v1/targets", "GET", 405},
		{"GET", "/api/v1/targets/fraud:freeze", "POST", 405},
		{"POST", "/api/v1/targets/fraud", "GET", 405},
		{"GET", "/-/reload", "POST, PUT", 405},
		{"PUT", "/-/reload", "", 200},
		{"HEAD", "/-/healthy", "", 200},
		{"GET", "/api/v1/incidents/a/b", "", 404},
		{"GET", "/", "", 404},
	} {
		status, _, header := rig.send(t, c.method, c.path, "")
		if status != c.want || header.Get("Allow") != c.allow {
			t.Errorf("%s %s → %d, Allow %q, want %d, %q", c.method, c.path, status, header.Get("Allow"), c.want, c.allow)
		}
	}
}

// Every command of the client has its effect, once around.
func TestCommands(t *testing.T) {
	rig := newRig(t, nil)
	c, ctx := rig.client(t, ""), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Freeze(ctx, "shop", client.Hold{For: "1h"}))
	must(c.Freeze(ctx, "", client.Hold{Until: began.Add(time.Hour), Reason: "the sale"}))
	freezes, err := c.Freezes(ctx, client.Query{})
	must(err)
	if len(freezes.Items) != 2 || freezes.Items[0].Until.IsZero() || freezes.Items[0].By != "local" {
		t.Errorf("freezes = %+v", freezes.Items)
	}
	rig.engine.now = began.Add(2 * time.Hour)
	if over, err := c.Freezes(ctx, client.Query{}); err != nil || len(over.Items) != 0 {
		t.Errorf("freezes that have run out = %+v, %v", over.Items, err)
	}
	rig.engine.now = began
	must(c.Unfreeze(ctx, "", "over"))
	must(c.Unfreeze(ctx, "shop", "over"))
	target, err := c.Quarantine(ctx, "shop", client.VersionReason{Version: "v1", Reason: "leaks"})
	must(err)
	if target.Name != "shop" || target.Freeze != nil {
		t.Errorf("target = %+v", target)
	}
	kept, err := c.Quarantined(ctx, client.Query{Target: "shop"})
	must(err)
	if len(kept.Items) != 1 || kept.Items[0].Version != "v1" || !strings.Contains(kept.Items[0].Reason, "leaks") {
		t.Errorf("quarantine = %+v", kept.Items)
	}
	_, err = c.Lift(ctx, "shop", client.VersionReason{Version: "v1", Reason: "fixed"})
	must(err)
	opened, err := c.Rollback(ctx, "shop", client.Rollback{To: "v1", Reason: "complaints"})
	must(err)
	if opened.State != incident.Open || opened.Manual != "local" || opened.To != "v1" {
		t.Errorf("rollback opened %+v", opened.Incident)
	}
	closed, err := c.Close(ctx, opened.ID, client.Answer{Comment: "a mistake", Revision: opened.Revision})
	must(err)
	if closed.State != incident.Denied {
		t.Errorf("close ended it as %s", closed.State)
	}
	must(c.Requeue(ctx, 3))
	must(c.Reload(ctx))
}

func TestReleaseBecomesAnEvent(t *testing.T) {
	rig := newRig(t, withTokens)
	at := began.Add(-time.Minute)
	got, err := rig.client(t, "token-release").Release(t.Context(), "shop", client.NewRelease{Version: "v3", Previous: "v2", Commit: "abc", At: at})
	if err != nil {
		t.Fatal(err)
	}
	if len(rig.events) != 1 {
		t.Fatalf("%d events", len(rig.events))
	}
	ev := rig.events[0]
	if ev.ID != got.Event || ev.Type != "release" || ev.Target != "shop" || ev.Version != "v3" || !ev.Time.Equal(at) {
		t.Errorf("event = %+v", ev)
	}
	if f := ev.Fields; f.Text("previous") != "v2" || f.Text("actor") != "release" || f.Text("commit") != "abc" {
		t.Errorf("fields = %s", f)
	}
}
