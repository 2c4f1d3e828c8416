//go:build real

package realtest

import (
	"bufio"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/internal/incident"
)

// alertmanager is Debian's, in a process of its own, with the example's file.
type alertmanager struct {
	t   *testing.T
	url string
}

func startAlertmanager(t *testing.T, dir, web string) alertmanager {
	t.Helper()
	binary, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Fatal("no prometheus-alertmanager on PATH: apt-get install --no-install-recommends prometheus-alertmanager")
	}
	am := freePort(t)
	write(t, filepath.Join(dir, "alertmanager.yml"), []byte(replaced(t, string(example(t, "alertmanager.yml")),
		"127.0.0.1:9413", web, "group_interval: 5s", "group_interval: 1s")))
	process(t, dir, binary, "--config.file=alertmanager.yml", "--storage.path="+filepath.Join(dir, "am"),
		"--web.listen-address="+am, "--cluster.listen-address=", "--web.external-url=http://"+am)
	a := alertmanager{t, "http://" + am}
	eventually(t, "Alertmanager ready", func() bool {
		resp, err := http.Get(a.url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return a
}

// post tells of the example's alert; a zero end means that it is firing.
func (a alertmanager) post(start, end time.Time) {
	a.t.Helper()
	alert := map[string]any{
		"labels":   map[string]string{"alertname": "HighErrorRate", "severity": "page", "service": "checkout"},
		"startsAt": start.UTC().Format(time.RFC3339Nano),
	}
	if !end.IsZero() {
		alert["endsAt"] = end.UTC().Format(time.RFC3339Nano)
	}
	if status := postJSON(a.t, a.url+"/api/v2/alerts", []any{alert}); status != http.StatusOK {
		a.t.Fatalf("Alertmanager answers %d", status)
	}
}

// The example as it stands, with the real Alertmanager: an alert fires, its webhook
// leads to a rollback, its end to recovery.
func TestRealAlertmanagerTakesAReleaseBack(t *testing.T) {
	dir, p, web := t.TempDir(), newPlace("v41"), freePort(t)
	d := startExample(t, dir, web, p)
	d.release("checkout", p, func() {})
	am := startAlertmanager(t, dir, web)
	began := time.Now()
	am.post(began, time.Time{})
	d.incident("checkout", incident.Verifying)
	t.Logf("alert posted to Alertmanager → Plan's first request: %s", (<-p.planned).Sub(began).Round(time.Millisecond))
	am.post(began, time.Now())
	d.takenBack(p)
}

// The daemon is down when the alert fires. Alertmanager tries again, and the
// release is taken back when the daemon is up.
func TestRealAlertmanagerWaitsForTheDaemon(t *testing.T) {
	dir, p, web := t.TempDir(), newPlace("v41"), freePort(t)
	d := startExample(t, dir, web, p)
	d.release("checkout", p, func() {})
	d.close()
	am := startAlertmanager(t, dir, web)
	began := time.Now()
	am.post(began, time.Time{})
	eventually(t, "a notification that nobody took", func() bool { return am.failed() })
	if live, _ := p.seen(); live != "v42" {
		t.Fatalf("the place is at %s, and the daemon is down", live)
	}
	up := time.Now()
	d = startExample(t, dir, web, p)
	d.incident("checkout", incident.Verifying)
	t.Logf("daemon started → Plan's first request: %s", (<-p.planned).Sub(up).Round(time.Millisecond))
	am.post(began, time.Now())
	d.takenBack(p)
}

// failed tells whether Alertmanager had to send a notification again.
func (a alertmanager) failed() bool {
	a.t.Helper()
	resp, err := http.Get(a.url + "/metrics")
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), `alertmanager_notification_requests_failed_total{integration="webhook"} `)
		if ok && value != "0" {
			return true
		}
	}
	return false
}
