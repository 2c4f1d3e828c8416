//go:build real

package realtest

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/examples"
	"github.com/ripcord-dev/ripcord/internal/incident"
)

func example(t *testing.T, name string) []byte {
	t.Helper()
	data, err := examples.Files.ReadFile("alertmanager/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// replaced replaces each old text, which must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the example has no %q any more", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// The example as it stands, with the real Alertmanager: an alert fires, its webhook
// leads to a rollback, its end to recovery.
func TestRealAlertmanagerTakesAReleaseBack(t *testing.T) {
	binary, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Fatal("no prometheus-alertmanager on PATH: apt-get install --no-install-recommends prometheus-alertmanager")
	}
	dir, p := t.TempDir(), newPlace("v41")
	web, am := freePort(t), freePort(t)
	yml := replaced(t, string(example(t, "ripcord.yml")), "127.0.0.1:9413", web, "http://127.0.0.1:9500/checkout", served(t, p),
		"known_good_after: 1h", "known_good_after: 1s", "stable: 10s", "stable: 1s")
	d := startDaemon(t, dir, yml, map[string][]byte{"checkout.rules.yml": example(t, "checkout.rules.yml")})
	d.release("checkout", p, func() {})

	write(t, filepath.Join(dir, "alertmanager.yml"), []byte(replaced(t, string(example(t, "alertmanager.yml")),
		"127.0.0.1:9413", web, "group_interval: 5s", "group_interval: 1s")))
	process(t, dir, binary, "--config.file=alertmanager.yml", "--storage.path="+filepath.Join(dir, "am"),
		"--web.listen-address="+am, "--cluster.listen-address=", "--web.external-url=http://"+am)
	eventually(t, "Alertmanager ready", func() bool {
		resp, err := http.Get("http://" + am + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})

	alert := map[string]any{"labels": map[string]string{"alertname": "HighErrorRate", "severity": "page", "service": "checkout"}}
	posted := time.Now()
	alert["startsAt"] = posted.UTC().Format(time.RFC3339Nano)
	if status := postJSON(t, "http://"+am+"/api/v2/alerts", []any{alert}); status != http.StatusOK {
		t.Fatalf("Alertmanager answers %d", status)
	}
	d.incident("checkout", incident.Verifying)
	t.Logf("alert posted to Alertmanager → Plan's first request: %s", (<-p.planned).Sub(posted).Round(time.Millisecond))
	alert["endsAt"] = time.Now().UTC().Format(time.RFC3339Nano)
	if status := postJSON(t, "http://"+am+"/api/v2/alerts", []any{alert}); status != http.StatusOK {
		t.Fatalf("Alertmanager answers %d", status)
	}
	inc := d.incident("checkout", incident.Recovered)
	if live, moves := p.seen(); live != "v41" || moves != 1 {
		t.Errorf("%s: the place is at %s after %d moves, want v41 after 1", inc.ID, live, moves)
	}
	d.verified()
	t.Log(fmt.Sprint(inc.ID, " ", inc.State, ": ", inc.Verdict))
}
