package triggers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func notification(alerts string) []byte {
	return []byte(`{"version":"4","status":"firing","alerts":[` + alerts + `]}`)
}

// The payload was recorded from Alertmanager 0.34.2.
func TestTheNewerPayloadIsReadWhole(t *testing.T) {
	body, err := os.ReadFile("testdata/alertmanager-0.34.json")
	if err != nil {
		t.Fatal(err)
	}
	n, err := DecodeAlertmanager(body)
	if err != nil {
		t.Fatal(err)
	}
	if n.Reason != "first notification" || n.Receiver != "ripcord" || n.Version != "4" || len(n.Alerts) != 1 || n.Truncated != 0 ||
		n.GroupKey != `{}:{alertname="ModelErrorRateHigh", model="fraud"}` || n.ExternalURL != "http://127.0.0.1:19093" {
		t.Errorf("%+v", n)
	}
	ev := n.Alerts[0].Event("am", "fraud")
	want := `{"specversion":"1.0","id":"f0630076cb58df37|firing|2026-11-24T14:41:45.444Z","source":"am","type":"alert","time":"2026-11-24T14:41:45.444Z","target":"fraud","version":"7","data":` +
		`{"alertname":"ModelErrorRateHigh","annotations.runbook_url":"https://runbooks.example/fraud","annotations.summary":"error ratio 400m for fraud v7","deployment":"fraud-svc","fingerprint":"f0630076cb58df37",` +
		`"generatorURL":"http://127.0.0.1:19090/graph?g0.expr=model_error_ratio+%3E+0.05\u0026g0.tab=1","instance":"127.0.0.1:19099","job":"model","model":"fraud","ripcord_action":"rollback","severity":"page",` +
		`"startsAt":"2026-11-24T14:41:45.444Z","status":"firing","summary":"error ratio 400m for fraud v7","version":"7"}}`
	if diff := cmp.Diff(want, string(Encode(ev))); diff != "" {
		t.Error(diff)
	}
	if ev.Version != "7" {
		t.Errorf("version %q", ev.Version)
	}
}

func TestGrafanasFormIsRead(t *testing.T) {
	n, err := DecodeAlertmanager([]byte(`{"receiver":"r","status":"firing","orgId":1,"title":"t","state":"alerting","message":"m","version":"1","truncatedAlerts":3,
		"alerts":[{"status":"resolved","labels":{"alertname":"A","model_version":"v7"},"annotations":{},"startsAt":"2026-11-24T10:00:00+01:00","endsAt":"2026-11-24T09:30:00Z",
		"values":{"B":22.5,"C":null},"valueString":"[ var='B' ]","silenceURL":"s","dashboardURL":"d","panelURL":"","fingerprint":"c6eadffa33fcdf37","generatorURL":""}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if n.Truncated != 3 {
		t.Errorf("truncated %d", n.Truncated)
	}
	want := `g c6eadffa33fcdf37|resolved|2026-11-24T09:00:00Z alert x "v7" 2026-11-24T09:30:00Z {alertname=A endsAt=2026-11-24T09:30:00Z fingerprint=c6eadffa33fcdf37 model_version=v7 startsAt=2026-11-24T09:00:00Z status=resolved values.B=22.5}`
	if diff := cmp.Diff(want, line(n.Alerts[0].Event("g", "x"))); diff != "" {
		t.Error(diff)
	}
}

func TestALabelCanNotOverwriteWhatRipcordSays(t *testing.T) {
	n, err := DecodeAlertmanager(notification(`{"fingerprint":"f1","labels":{"alertname":"A","status":"resolved","fingerprint":"x","summary":"y","annotations.a":"z","labels.b":"w","target":"http://probe","id":"1","STATUS":"resolved"},"annotations":{"a":"1","summary":"s"}}`))
	if err != nil {
		t.Fatal(err)
	}
	ev := n.Alerts[0].Event(SourceAlertmanager, "fraud-scorer")
	want := `alertmanager f1|firing| alert fraud-scorer "" 0001-01-01T00:00:00Z {STATUS=resolved alertname=A annotations.a=1 annotations.summary=s fingerprint=f1 id=1 labels.annotations.a=z labels.fingerprint=x labels.labels.b=w labels.status=resolved labels.summary=y status=firing summary=s target=http://probe}`
	if diff := cmp.Diff(want, line(ev)); diff != "" {
		t.Error(diff)
	}
	again, rejects := Decode(Message{Stored: stored, Type: TypeAlert, Target: "fraud-scorer", Body: Encode(ev)}, known)
	ev.Time = stored
	if len(rejects) > 0 || line(again[0]) != line(ev) {
		t.Errorf("read back: %s %s", lines(again), reasons(rejects))
	}
}

func TestAMissingFingerprintIsMadeFromTheLabels(t *testing.T) {
	ids := map[string]bool{}
	for _, labels := range []string{`{"a":"1","b":"2"}`, `{"b":"2","a":"1"}`, `{"a":"1","b":"3"}`} {
		n, err := DecodeAlertmanager(notification(`{"labels":` + labels + `}`))
		if err != nil {
			t.Fatal(err)
		}
		ids[n.Alerts[0].Fingerprint] = true
		if len(n.Alerts[0].Fingerprint) != 16 {
			t.Errorf("fingerprint %q", n.Alerts[0].Fingerprint)
		}
	}
	if len(ids) != 2 {
		t.Errorf("two sets of labels have the fingerprints %v", ids)
	}
}

func TestANotificationThatIsNoneIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"no JSON":                     {`hello`, "not a JSON object"},
		"an array":                    {`[]`, "not a JSON object"},
		"no version":                  {`{"alerts":[]}`, "no version: send Alertmanager's own"},
		"a version that is a number":  {`{"version":3,"alerts":[]}`, `version is "3"`},
		"no alerts":                   {`{"version":"4"}`, "no list alerts"},
		"alerts that are null":        {`{"version":"4","alerts":null}`, "no list alerts"},
		"VERSION in capitals":         {`{"VERSION":"4","alerts":[]}`, "no version"},
		"a status twice":              {`{"version":"4","status":"firing","status":"resolved","alerts":[]}`, `"status" comes twice`},
		"a key twice in a label set":  {string(notification(`{"labels":{"a":"1","a":"2"}}`)), `"a" comes twice`},
		"a key twice in what is left": {`{"version":"4","x":{"a":1,"a":2},"alerts":[]}`, `"a" comes twice`},
		"NaN":                         {`{"version":"4","x":NaN,"alerts":[]}`, "NaN"},
		"invalid UTF-8":               {"{\"version\":\"4\",\"receiver\":\"\xff\",\"alerts\":[]}", "UTF-8"},
		"a status that is a list":     {`{"version":"4","status":[],"alerts":[]}`, "status is []"},
		"a body that was cut off":     {`{"version":"4","alerts":[{"labels":{"a":`, "not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeAlertmanager([]byte(c.body))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTooManyAlertsAreTold(t *testing.T) {
	one := `{"labels":{"a":"1"}}`
	n, err := DecodeAlertmanager(notification(strings.Repeat(one+",", MaxAlerts-1) + one))
	if err != nil || len(n.Alerts) != MaxAlerts {
		t.Errorf("%d alerts: %v", len(n.Alerts), err)
	}
	_, err = DecodeAlertmanager(notification(strings.Repeat(one+",", MaxAlerts) + one))
	if !errors.Is(err, ErrTooManyAlerts) {
		t.Errorf("1,001 alerts: %v", err)
	}
}

func TestOneBadAlertDoesNotLoseTheOthers(t *testing.T) {
	many := map[string]string{}
	for i := range MaxLabels + 1 {
		many[fmt.Sprint("l", i)] = "x"
	}
	labels, _ := json.Marshal(many)
	long := strings.Repeat("é", MaxString)
	n, err := DecodeAlertmanager(notification(strings.Join([]string{
		`{"labels":{"a":"1"}}`,
		`{"labels":{}}`,
		`{"labels":{"a":1}}`,
		`{"labels":{"a":"1"},"status":"maybe"}`,
		`{"labels":{"a":"1"},"startsAt":"noon"}`,
		`{"labels":` + string(labels) + `}`,
		`{"labels":{"a":"` + long + `"}}`,
		`7`,
		`{"labels":{"a":"2"},"annotations":{"description":"x` + long + `"}}`,
	}, ",")))
	if err != nil {
		t.Fatal(err)
	}
	want := `1: alert 1: it has no labels
2: alert 2: labels.a is no string
3: alert 3: status is "maybe": it should be firing or resolved
4: alert 4: time is "noon": it should be RFC 3339 such as 2026-11-23T10:00:00Z, or seconds or milliseconds since 1970
5: alert 5: there are more than 64 labels
6: alert 6: labels.a has 8192 bytes, at most 4096 are read
7: alert 7: it is not a JSON object`
	if diff := cmp.Diff(want, reasons(n.Rejects)); diff != "" {
		t.Error(diff)
	}
	if len(n.Alerts) != 2 || n.Alerts[1].Index != 8 {
		t.Fatalf("%+v", n.Alerts)
	}
	if d := n.Alerts[1].Annotations["description"]; len(d) != MaxString-1 || !strings.HasSuffix(d, "é") {
		t.Errorf("a long annotation is cut to %d bytes", len(d))
	}
}

func TestAnAlertsTimeIsDoubtedWhenItIsOldOrAhead(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		alert Alert
		want  string
	}{
		"fresh":                    {Alert{Status: AlertFiring, StartsAt: now.Add(-time.Minute)}, ""},
		"without a time":           {Alert{Status: AlertFiring}, ""},
		"a day old":                {Alert{Status: AlertFiring, StartsAt: now.Add(-24 * time.Hour)}, ""},
		"older than a day":         {Alert{Status: AlertFiring, StartsAt: now.Add(-25 * time.Hour)}, "25h0m0s ago: an old one that is repeated, or a replayed body"},
		"old and resolved now":     {Alert{Status: AlertResolved, StartsAt: now.Add(-25 * time.Hour), EndsAt: now}, ""},
		"two minutes ahead":        {Alert{Status: AlertFiring, StartsAt: now.Add(2 * time.Minute)}, ""},
		"more than that in future": {Alert{Status: AlertFiring, StartsAt: now.Add(121 * time.Second)}, "2m1s from now: the sender's clock is ahead"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.alert.Doubt(now); (got == "") != (c.want == "") || !strings.HasSuffix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzAlertmanager(f *testing.F) {
	if golden, err := os.ReadFile("testdata/alertmanager-0.34.json"); err == nil {
		f.Add(golden)
	}
	f.Add(notification(`{"labels":{"a":"1","status":"x"},"values":{"B":1e999}}`))
	f.Add([]byte(`{"version":"1","alerts":[[],{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := DecodeAlertmanager(body)
		if err != nil {
			return
		}
		for _, a := range n.Alerts {
			ev := a.Event("am", "fraud-scorer")
			if _, err := ParseFields(ev.Fields.Raw()); err != nil {
				t.Fatalf("%s: %v", ev.Fields.Raw(), err)
			}
			ev.Time = stored
			again, rejects := Decode(Message{Stored: stored, Type: TypeAlert, Target: "fraud-scorer", Body: Encode(ev)}, known)
			if len(rejects) > 0 || line(again[0]) != line(ev) {
				t.Errorf("%s\ndecodes to %s %s", line(ev), lines(again), reasons(rejects))
			}
		}
	})
}

func BenchmarkAlertmanager50(b *testing.B) {
	golden, err := os.ReadFile("testdata/alertmanager-0.34.json")
	if err != nil {
		b.Fatal(err)
	}
	n, _ := DecodeAlertmanager(golden)
	labels, _ := json.Marshal(n.Alerts[0].Labels)
	body := notification(strings.Repeat(`{"labels":`+string(labels)+`},`, 49) + `{"labels":` + string(labels) + `}`)
	for b.Loop() {
		n, err := DecodeAlertmanager(body)
		if err != nil || len(n.Alerts) != 50 {
			b.Fatal(err)
		}
		for _, a := range n.Alerts {
			_ = Encode(a.Event("am", "fraud"))
		}
	}
}
