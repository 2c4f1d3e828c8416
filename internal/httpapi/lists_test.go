package httpapi

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
)

// history gives a target n ended incidents, a minute apart.
func history(r *rig, target string, n int) {
	s := r.engine.states[target]
	for i := 1; i <= n; i++ {
		at := began.Add(time.Duration(i-n-5) * time.Minute)
		s.Past = append(s.Past, incident.Brief{
			ID: fmt.Sprintf("%s-%d", target, 100+i), Rule: "errors", Version: "v0", To: "v1", State: incident.Recovered, Opened: at, Ended: at.Add(time.Minute), Verdict: "recovered",
		})
		s.Decided = append(s.Decided, incident.Decided{ID: fmt.Sprintf("d%d", i), At: at, Rule: "errors", Version: "v0", Held: "cooldown until 11:00", Guard: "cooldown"})
	}
	r.engine.states[target] = s
}

func TestPaging(t *testing.T) {
	rig := newRig(t, nil)
	history(rig, "fraud", 4)
	history(rig, "shop", 3)
	c := rig.client(t, "")
	var seen []string
	q := client.Query{Limit: 3}
	for pages := 1; ; pages++ {
		page, err := c.Incidents(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Items {
			seen = append(seen, s.ID)
		}
		if pages == 1 { // what comes in between two pages shifts nothing
			history(rig, "shop", 0)
			s := rig.engine.states["shop"]
			s.Past = append(s.Past, incident.Brief{ID: "shop-999", Rule: "errors", Version: "v0", State: incident.Denied, Opened: began.Add(time.Hour), Ended: began.Add(time.Hour)})
			rig.engine.states["shop"] = s
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	want := "fraud-1 shop-103 fraud-104 shop-102 fraud-103 shop-101 fraud-102 fraud-101"
	if got := strings.Join(seen, " "); got != want {
		t.Errorf("seen %s\nwant %s", got, want)
	}
}

func TestFilters(t *testing.T) {
	rig := newRig(t, nil)
	history(rig, "fraud", 2)
	c := rig.client(t, "")
	for _, k := range []struct {
		q    client.Query
		want int
	}{
		{client.Query{}, 3}, {client.Query{State: "all"}, 3}, {client.Query{State: "open"}, 1}, {client.Query{Target: "shop"}, 0}, {client.Query{Target: "fraud", State: "open"}, 1},
	} {
		page, err := c.Incidents(t.Context(), k.q)
		if err != nil || len(page.Items) != k.want || page.Items == nil {
			t.Errorf("%+v: %d incidents, %v, want %d", k.q, len(page.Items), err, k.want)
		}
	}
	for _, path := range []string{
		"/api/v1/incidents?state=closed", "/api/v1/incidents?limit=0", "/api/v1/incidents?limit=501", "/api/v1/incidents?limit=x",
		"/api/v1/incidents?cursor=%25", "/api/v1/incidents?targt=fraud", "/api/v1/incidents?target=fraud&target=shop", "/api/v1/targets?target=fraud",
		"/api/v1/deadletter?cursor=eA", "/api/v1/journal?from=x", "/api/v1/journal:verify?x=1", "/api/v1/rules?%zz",
	} {
		if status, body, _ := rig.send(t, "GET", path, ""); status != 400 {
			t.Errorf("%s → %d %s", path, status, body)
		}
	}
	for _, path := range []string{"/api/v1/incidents?target=none", "/api/v1/releases?target=none", "/api/v1/watch?target=none", "/api/v1/journal?target=none"} {
		if status, body, _ := rig.send(t, "GET", path, ""); status != 404 {
			t.Errorf("%s → %d %s", path, status, body)
		}
	}
}

func TestIncidentHasItsStory(t *testing.T) {
	rig := newRig(t, nil)
	c, open := rig.client(t, ""), rig.open(t)
	if _, err := c.Deny(t.Context(), open.ID, client.Answer{Comment: "no"}); err != nil {
		t.Fatal(err)
	}
	// A newer incident pushes the first into the past: its story is still there.
	rig.submit(t, "fraud", incident.Rollback{By: incident.Person{Name: "zoe"}, Reason: "again"})
	got, err := c.Incident(t.Context(), open.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != open.ID || got.State != incident.Denied || got.Digest != open.Digest || len(got.Entries) < 3 {
		t.Errorf("incident = %+v", got)
	}
	for _, e := range got.Entries {
		if e.Incident != open.ID {
			t.Errorf("an entry of another incident: %+v", e)
		}
	}
	for _, id := range []string{"fraud-77", "none-1", "x", "fraud"} {
		if _, err := c.Incident(t.Context(), id); asProblem(t, err).Status != 404 {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// away is a journal that can not be read.
type away struct{ journal.Journal }

func (away) Read(context.Context, string, uint64, func(journal.Stored) error) error {
	return journal.ErrUnavailable
}

func TestIncidentIsShownWhileTheJournalIsAway(t *testing.T) {
	rig := newRig(t, func(c *Config) { c.Journal = away{c.Journal} })
	open := rig.open(t)
	got, err := rig.client(t, "").Incident(t.Context(), open.ID)
	if err != nil || got.ID != open.ID || got.Entries != nil {
		t.Errorf("incident = %+v, %v", got, err)
	}
	if _, err := rig.client(t, "").Incident(t.Context(), "fraud-9"); asProblem(t, err).Status != 503 {
		t.Errorf("one that nobody can look up: %v", err)
	}
}

func TestReads(t *testing.T) {
	rig := newRig(t, nil)
	history(rig, "fraud", 2)
	c, ctx := rig.client(t, ""), t.Context()
	targets, err := c.Targets(ctx, client.Query{Limit: 1})
	if err != nil || len(targets.Items) != 1 || targets.Items[0].Name != "fraud" || targets.Items[0].Version != "v2" || targets.Items[0].Incident.ID != "fraud-1" || targets.Next == "" {
		t.Errorf("targets = %+v, %v", targets, err)
	}
	if rest, err := c.Targets(ctx, client.Query{Limit: 1, Cursor: targets.Next}); err != nil || len(rest.Items) != 1 || rest.Items[0].Name != "shop" || rest.Next != "" {
		t.Errorf("the second page = %+v, %v", rest, err)
	}
	if target, err := c.Target(ctx, "shop"); err != nil || len(target.Ledger) != 2 || target.Stages[0].Steps[0] != "files/link" {
		t.Errorf("target = %+v, %v", target, err)
	}
	if rules, err := c.Rules(ctx, client.Query{}); err != nil || len(rules.Items) != 4 || rules.Items[0].Rule != "errors" || rules.Items[3].Target != "shop" {
		t.Errorf("rules = %+v, %v", rules, err)
	}
	if d, err := c.Decisions(ctx, client.Query{Target: "fraud"}); err != nil || len(d.Items) != 2 || d.Items[0].ID != "d2" || d.Items[0].Target != "fraud" || d.Items[0].Guard != "cooldown" {
		t.Errorf("decisions = %+v, %v", d, err)
	}
	if rel, err := c.Releases(ctx, client.Query{Target: "shop"}); err != nil || len(rel.Items) != 2 || rel.Items[0].Version != "v2" {
		t.Errorf("releases = %+v, %v", rel, err)
	}
	if text, err := c.OpenAPI(ctx); err != nil || !strings.HasPrefix(text, "openapi: 3") {
		t.Errorf("openapi = %.20q, %v", text, err)
	}
}

func TestDeadLetters(t *testing.T) {
	rig := newRig(t, nil)
	c, ctx := rig.client(t, ""), t.Context()
	first, err := c.DeadLetters(ctx, client.Query{Limit: 3})
	if err != nil || len(first.Items) != 3 || first.Items[0].Seq != 5 || first.Items[0].Body != "" || first.Items[0].Size != 3 {
		t.Fatalf("first page = %+v, %v", first, err)
	}
	second, err := c.DeadLetters(ctx, client.Query{Limit: 3, Cursor: first.Next})
	if err != nil || len(second.Items) != 2 || second.Items[0].Seq != 2 || second.Next != "" {
		t.Errorf("second page = %+v, %v", second, err)
	}
	if one, err := c.DeadLetter(ctx, 5); err != nil || !one.Base64 || one.Body != "e33+" {
		t.Errorf("a body that is no text: %+v, %v", one, err)
	}
	if _, err := c.DeadLetter(ctx, 50); asProblem(t, err).Status != 404 {
		t.Errorf("one that is gone: %v", err)
	}
}

func TestJournalExportAndVerify(t *testing.T) {
	rig := newRig(t, nil)
	c, ctx := rig.client(t, ""), t.Context()
	if err := c.Freeze(ctx, "", client.Hold{Reason: "<sale & more>"}); err != nil {
		t.Fatal(err)
	}
	var lines []client.Line
	if err := c.Journal(ctx, "", 0, func(l client.Line) error { lines = append(lines, l); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 3 || lines[2].Record.Target != incident.FleetName {
		t.Fatalf("%d lines: %+v", len(lines), lines)
	}
	for _, l := range lines { // an export can be verified without the daemon
		if _, hash, err := journal.Encode(l.Record); err != nil || hash != l.Hash {
			t.Errorf("revision %d: hash %s, line says %s (%v)", l.Revision, hash, l.Hash, err)
		}
	}
	count := 0
	if err := c.Journal(ctx, "fraud", 1, func(client.Line) error { count++; return nil }); err != nil || count != 1 {
		t.Errorf("fraud after revision 1: %d lines, %v", count, err)
	}
	v, err := c.VerifyJournal(ctx)
	if err != nil || !v.OK || v.Records != 3 || v.Targets != 2 || v.Last != 3 {
		t.Errorf("verification = %+v, %v", v, err)
	}
	if _, err := rig.engine.journal.Inject(ctx, "fraud", []byte(`{"schema":1,"min_reader":1,"target":"fraud","prev":"forged","entries":[],"state":{}}`)); err != nil {
		t.Fatal(err)
	}
	if v, err := c.VerifyJournal(ctx); err != nil || v.OK || v.Break == nil || v.Break.Revision != 4 || v.Break.Recorded != "forged" {
		t.Errorf("verification of a forged journal = %+v, %v", v, err)
	}
}

// broken is a journal that breaks off after its first record.
type broken struct{ journal.Journal }

func (b broken) Read(ctx context.Context, target string, from uint64, fn func(journal.Stored) error) error {
	stop := fmt.Errorf("read: %w", journal.ErrUnavailable)
	return b.Journal.Read(ctx, target, from, func(s journal.Stored) error {
		if err := fn(s); err != nil {
			return err
		}
		return stop
	})
}

// Nobody takes a piece of an export for the whole.
func TestExportThatBreaksOffIsAnError(t *testing.T) {
	rig := newRig(t, func(c *Config) { c.Journal = broken{c.Journal} })
	c := client.New(rig.url, "")
	if err := c.Journal(t.Context(), "", 0, func(client.Line) error { return nil }); err == nil {
		t.Error("the export ended as if it were whole")
	}
}

func TestWatch(t *testing.T) {
	rig := newRig(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := rig.client(t, "")
	var got client.Change
	err := c.Watch(ctx, "shop", func() {
		go func() { // until the feed has taken up the journal
			for i := 0; ctx.Err() == nil; i++ {
				_ = rig.engine.FreezeFleet(ctx, incident.Person{Name: "zoe"}, time.Time{}, "noise")
				_, _ = rig.engine.Submit(ctx, "shop", incident.SetFreeze{By: incident.Person{Name: "zoe"}, Reason: fmt.Sprint("try ", i)})
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}, func(change client.Change) error {
		got = change
		cancel()
		return nil
	})
	if got.Target != "shop" || got.Revision == 0 || len(got.Entries) != 1 || got.Entries[0].Kind != "frozen" {
		t.Errorf("change = %+v (%v)", got, err)
	}
}

func TestHealth(t *testing.T) {
	rig := newRig(t, withTokens)
	c := rig.client(t, "")
	if err := c.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	if text, err := c.Ready(t.Context()); err != nil || text != "ripcord is ready\n" {
		t.Errorf("ready: %q, %v", text, err)
	}
	rig.ready = []error{Warning{"the last reload failed: rules/x.rules.yml:3:1"}}
	if text, err := c.Ready(t.Context()); err != nil || text != "ripcord is ready\nwarning: the last reload failed: rules/x.rules.yml:3:1\n" {
		t.Errorf("ready with a warning: %q, %v", text, err)
	}
	rig.ready = append(rig.ready, fmt.Errorf("target fraud: %w", journal.ErrUnavailable))
	_, err := c.Ready(t.Context())
	if p := asProblem(t, err); p.Status != 503 || !strings.Contains(p.Detail, "target fraud: the journal is not available") || !strings.Contains(p.Detail, "warning: ") {
		t.Errorf("not ready: %+v", p)
	}
}

func TestReloadShowsWhatIsWrong(t *testing.T) {
	rig := newRig(t, func(c *Config) {
		c.Reload = func(context.Context) error { return fmt.Errorf("ripcord.yml:3:1: no key \"x\"") }
	})
	if p := asProblem(t, rig.client(t, "").Reload(t.Context())); p.Status != 500 || !strings.Contains(p.Detail, "ripcord.yml:3:1") {
		t.Errorf("problem = %+v", p)
	}
}

func TestMetrics(t *testing.T) {
	rig := newRig(t, nil)
	rig.send(t, "GET", "/api/v1/incidents/fraud-1", "")
	rig.send(t, "GET", "/api/v1/incidents/fraud-9", "")
	rig.send(t, "GET", "/some/path/of/a/scanner", "")
	_, text, _ := rig.send(t, "GET", "/metrics", "")
	for _, want := range []string{
		`ripcord_http_requests_total{code="200",route="/api/v1/incidents/{id}"} 1`,
		`ripcord_http_requests_total{code="404",route="/api/v1/incidents/{id}"} 1`,
		`ripcord_http_requests_total{code="404",route="none"} 1`,
		`ripcord_http_request_duration_seconds_count{route="none"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, "scanner") {
		t.Error("a path of a stranger became a label")
	}
}

// Parts that are missing have no routes.
func TestSmallestAPI(t *testing.T) {
	rig := newRig(t, func(c *Config) { *c = Config{Engine: c.Engine, Journal: c.Journal, Now: c.Now} })
	for path, want := range map[string]int{
		"/-/healthy": 200, "/-/ready": 200, "/api/v1/targets": 200, "/api/v1/rules": 200, "/metrics": 404, "/api/v1/deadletter": 404, "/api/v1/watch": 404,
	} {
		if status, body, _ := rig.send(t, "GET", path, ""); status != want {
			t.Errorf("%s → %d %s, want %d", path, status, body, want)
		}
	}
	for _, path := range []string{"/api/v1/events", "/slack/interactivity", "/-/reload", "/api/v1/targets/shop:release"} {
		if status, body, _ := rig.send(t, "POST", path, `{"version":"v3"}`); status != 404 {
			t.Errorf("%s → %d %s", path, status, body)
		}
	}
}
