//go:build !crashpoint

package realtest

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/internal/incident"
)

// The example as it stands, with a body that a newer Alertmanager sent: the alert
// is the rule's, everything else is as it was recorded.
func TestAlertmanagerExampleTakesAReleaseBack(t *testing.T) {
	raw, err := os.ReadFile("../../triggers/testdata/alertmanager-0.34.json")
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	alert := body["alerts"].([]any)[0].(map[string]any)
	labels := alert["labels"].(map[string]any)
	labels["alertname"], labels["service"], labels["version"] = "HighErrorRate", "checkout", "v42"
	alert["startsAt"] = time.Now().UTC().Format(time.RFC3339Nano)

	p, web := newPlace("v41"), freePort(t)
	d := startExample(t, t.TempDir(), web, p)
	d.release("checkout", p, func() {})
	url := d.url + "/api/v1/alertmanager"
	for range 2 { // a notification that is sent again changes nothing
		if status := postJSON(t, url, body); status != http.StatusAccepted {
			t.Fatalf("the daemon answers %d", status)
		}
	}
	d.incident("checkout", incident.Verifying)
	alert["status"], body["status"], body["notification_reason"] = "resolved", "resolved", "all alerts resolved"
	alert["endsAt"] = time.Now().UTC().Format(time.RFC3339Nano)
	if status := postJSON(t, url, body); status != http.StatusAccepted {
		t.Fatalf("the daemon answers %d", status)
	}
	d.takenBack(p)
}
