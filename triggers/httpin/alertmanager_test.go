package httpin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/triggers"
)

func TestAWebhookIsOneMessageForEachTarget(t *testing.T) {
	s := newStore(t)
	in := s.intake(func(c *Config) { c.Sources = []Source{{Name: "am"}} })
	body := `{"version":"4","status":"firing","truncatedAlerts":2,"alerts":[
		{"fingerprint":"f1","labels":{"service":"fraud"},"startsAt":"2026-11-24T14:59:00Z"},
		{"fingerprint":"f2","labels":{"service":"fraud-svc"},"startsAt":"2026-11-20T14:59:00Z"},
		{"fingerprint":"f3","labels":{"ripcord_target":"fraud"},"status":"resolved","endsAt":"2026-11-24T16:59:00Z"},
		{"fingerprint":"f4","labels":{"service":"else"}},
		{"fingerprint":"f5","labels":{"job":"x"}},
		{"labels":{}}]}`
	for range 2 { // an answer that was lost
		w := send(t, in.Alertmanager(), body)
		want := `{"accepted":["f1|firing|2026-11-24T14:59:00Z","f2|firing|2026-11-20T14:59:00Z","f3|resolved|"],` +
			`"rejected":[{"index":3,"reason":"target else (from labels.service) is not configured; before it, labels.ripcord_target is empty"},` +
			`{"index":4,"reason":"no target is named: labels.ripcord_target, labels.service are empty"},{"index":5,"reason":"alert 5: it has no labels"}],` +
			`"warnings":["alert 1: the alert is firing since 2026-11-20T14:59:00Z, 96h1m0s ago: an old one that is repeated, or a replayed body",` +
			`"alert 2: the alert is resolved since 2026-11-24T16:59:00Z, 1h59m0s from now: the sender's clock is ahead","2 alerts were left out by the sender's max_alerts"]}`
		if diff := cmp.Diff(want, strings.TrimSpace(w.Body.String())); diff != "" || w.Code != http.StatusAccepted {
			t.Errorf("%d %s", w.Code, diff)
		}
	}
	want := []string{
		"ripcord.events.alert.fraud am/f1|firing|2026-11-24T14:59:00Z am/f3|resolved|",
		"ripcord.events.alert.fraud-svc am/f2|firing|2026-11-20T14:59:00Z",
	}
	if diff := cmp.Diff(want, s.stored(t)); diff != "" {
		t.Error(diff)
	}
	buried := []string{
		"unresolved am [ripcord.events.alert.else] 1 lines: target else (from labels.service) is not configured; before it, labels.ripcord_target is empty",
		"unresolved am [] 1 lines: no target is named: labels.ripcord_target, labels.service are empty",
		"undecodable am [] 1 lines: alert 5: it has no labels",
	}
	if diff := cmp.Diff(append(buried, buried...), s.letters()); diff != "" {
		t.Error(diff)
	}
}

func TestTheSourceOfAWebhookIsPickedByName(t *testing.T) {
	golden, err := os.ReadFile("../testdata/alertmanager-0.34.json")
	if err != nil {
		t.Fatal(err)
	}
	places, err := triggers.ParsePlaces("labels.deployment")
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t)
	in := s.intake(func(c *Config) { c.Sources = []Source{{Name: "am"}, {Name: "eu", Places: places}} })
	for query, code := range map[string]int{"?source=eu": 202, "?source=us": 400} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/"+query, strings.NewReader(string(golden)))
		w := httptest.NewRecorder()
		in.Alertmanager().ServeHTTP(w, r)
		if w.Code != code {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	if diff := cmp.Diff([]string{"ripcord.events.alert.fraud-svc eu/f0630076cb58df37|firing|2026-11-24T14:41:45.444Z"}, s.stored(t)); diff != "" {
		t.Error(diff)
	}
}

func TestANotificationThatIsTooLongForOneMessageIsSeveral(t *testing.T) {
	var alerts []string
	for i := range 200 {
		alerts = append(alerts, fmt.Sprintf(`{"fingerprint":"f%d","labels":{"service":"fraud","x":"%s"}}`, i, strings.Repeat("x", 3000)))
	}
	body := `{"version":"4","status":"firing","alerts":[` + strings.Join(alerts, ",") + `]}`
	s := newStore(t)
	for range 2 {
		if w := send(t, s.intake().Alertmanager(), body); w.Code != http.StatusAccepted {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	messages := s.stored(t)
	if n := strings.Count(strings.Join(messages, " "), "alertmanager/f"); len(messages) != 4 || n != 200 {
		t.Errorf("%d messages hold %d alerts", len(messages), n)
	}
}
