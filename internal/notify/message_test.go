package notify_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/notify"
	"github.com/ripcord-dev/ripcord/internal/notify/notifytest"
	"github.com/ripcord-dev/ripcord/rules"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got any) {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

func link(id string) string { return "https://ripcord.example.com/incidents/" + id }

func TestRenderEveryState(t *testing.T) {
	for _, state := range notifytest.States {
		t.Run(string(state), func(t *testing.T) {
			golden(t, string(state), notify.Render(notifytest.Update(state), link))
		})
	}
}

func TestOnlyOpenQuestionsAsk(t *testing.T) {
	for _, state := range notifytest.States {
		m := notify.Render(notifytest.Update(state), nil)
		wantApprove := state == incident.AwaitingApproval
		wantDeny := wantApprove || state == incident.VetoWindow
		if got := m.Ask != nil && m.Ask.Approve; got != wantApprove {
			t.Errorf("%s: can be approved = %v", state, got)
		}
		if got := m.Ask != nil && m.Ask.Deny; got != wantDeny {
			t.Errorf("%s: can be denied = %v", state, got)
		}
	}
}

func TestStatus(t *testing.T) {
	at := notifytest.Start
	cases := map[string]struct {
		state  incident.State
		change func(*incident.Incident)
		want   string
	}{
		"the one who approved is named with the time": {incident.Executing, func(*incident.Incident) {}, "approved by ana 10:02:11, executing step 2 of 2, attempt 2"},
		"an act that nobody was asked for says its mode": {incident.Executing, func(i *incident.Incident) {
			i.Approvals, i.Mode, i.Exec.Attempt = nil, rules.Auto, 1
		}, "executing step 2 of 2 (mode auto)"},
		"half a quorum is shown while waiting": {incident.AwaitingApproval, func(i *incident.Incident) {
			i.Approvals = []incident.Approval{{By: incident.Person{Name: "ben"}, At: at.Add(time.Minute), Digest: i.Plan.Digest}}
		}, "waiting for approval since 10:02:06, approved so far by ben 10:03:05"},
		"an approval of an older plan does not count": {incident.AwaitingApproval, func(i *incident.Incident) {
			i.Approvals = []incident.Approval{{By: incident.Person{Name: "ben"}, At: at, Digest: "sha256:old"}}
		}, "waiting for approval since 10:02:06"},
		"an unknown outcome is admitted": {incident.Executing, func(i *incident.Incident) {
			i.Exec.Unknown, i.Exec.Attempt = "the call timed out after 30s", 1
		}, "approved by ana 10:02:11, executing step 2 of 2; looking where it stands, because nobody knows whether the call did it: the call timed out after 30s"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inc := notifytest.Incident(c.state)
			c.change(&inc)
			if got := notify.Status(&inc); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestResolvedWhileWaitingIsNoticed(t *testing.T) {
	u := notifytest.Update(incident.AwaitingApproval)
	u.Incident.Resolved, u.Incident.ResolvedReason = notifytest.Start.Add(time.Minute), "2.0 % of 400 are block"
	const want = "the rule resolved by itself at 10:03:05: 2.0 % of 400 are block"
	if got := notify.Render(u, nil); got.Notice != want || got.Ask == nil {
		t.Errorf("notice = %q, ask = %v; want %q and still a question", got.Notice, got.Ask, want)
	}
}

func TestManualRollbackHasNoEvidence(t *testing.T) {
	u := notifytest.Update(incident.Executing)
	u.Incident.Decisions, u.Incident.Manual, u.Incident.Severity = nil, "ana", ""
	got := notify.Render(u, nil)
	if got.Header != "[MANUAL] fraud-scorer v42 → v41" || got.Sentence != "ana asked to take fraud-scorer back from v42" || got.Fields != nil {
		t.Errorf("got %q, %q, %v", got.Header, got.Sentence, got.Fields)
	}
}

func TestEntriesWithoutAnIncident(t *testing.T) {
	u := notify.Update{Target: "fraud-scorer", At: notifytest.Start, Entries: []incident.Entry{
		{Kind: "frozen", By: "person:ana", Text: "frozen until 12:00 UTC: migration"},
		{Kind: "released", By: "ripcord", Text: "v42 is live"},
	}}
	got := notify.Render(u, link)
	if want := "fraud-scorer: frozen until 12:00 UTC: migration (ana)"; got.Fallback != want || got.Ask != nil {
		t.Errorf("got %q, want %q", got.Fallback, want)
	}
	u.Entries = u.Entries[1:]
	if got := notify.Render(u, link); !got.Empty() {
		t.Errorf("a release by itself is told: %q", got.Fallback)
	}
}

func TestOwnPostsAreNotTold(t *testing.T) {
	u := notifytest.Update(incident.AwaitingApproval)
	u.Entries = []incident.Entry{{Kind: "posted", Text: "slack has confirmed"}}
	if got := notify.Render(u, nil); got.Thread != nil {
		t.Errorf("thread = %q, want none", got.Thread)
	}
}
