//go:build real

package realtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const diskYML = `data: {dir: ./data, max_bytes: 32MiB, min_free: 8MiB}
web: {listen: 127.0.0.1:0}
people: {ana: {groups: [oncall]}}
targets:
  shop:
    mode: approve
    approve: {from: [group:oncall]}
    stages:
    - name: deploy
      steps: [{kind: webhook, url: "HOOK", class: B, allow_private: [127.0.0.0/8]}]
`

// The daemon's disk fills up: its doors say so, and open again by themselves when
// there is room. The test needs root.
func TestRealFullDiskShutsTheDoors(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", data, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatalf("mount a small disk (this test needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(data, 0); err != nil {
			t.Errorf("unmount %s: %v", data, err)
		}
	})
	d := startDaemon(t, dir, replaced(t, diskYML, "HOOK", served(t, newPlace("v41"))), nil)
	taken := 0
	for range 50 {
		resp, text := d.event(taken)
		if resp.StatusCode != http.StatusAccepted {
			t.Fatalf("an event is answered %d: %s", resp.StatusCode, text)
		}
		taken++
	}

	filler := fillDisk(t, data)
	d.eventually("503 with Retry-After", func() bool {
		resp, text := d.event(taken)
		if resp.StatusCode == http.StatusAccepted {
			taken++
			return false
		}
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("an event is answered %d, Retry-After %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), text)
		}
		t.Logf("after %d events: %d, Retry-After %s: %s", taken, resp.StatusCode, resp.Header.Get("Retry-After"), text)
		return true
	})
	status, text := d.readyText()
	if status != http.StatusServiceUnavailable || !strings.Contains(text, "MiB free, the floor is 8 MiB") {
		t.Errorf("/-/ready is %d: %s", status, text)
	}
	time.Sleep(20 * time.Second) // long enough for a daemon that restarts its store on a full disk to do harm

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	d.eventually("an event is taken again", func() bool {
		resp, _ := d.event(taken)
		return resp.StatusCode == http.StatusAccepted
	})
	healed := time.Since(freed)
	taken++
	if healed > 30*time.Second {
		t.Errorf("healed after %s, want 30 s at most", healed)
	}
	d.eventually("ready", func() bool { status, _ := d.readyText(); return status == http.StatusOK })
	t.Logf("took events %s after there was room, and is ready", healed.Round(time.Millisecond))

	// Every event that was accepted is a message of its own for a target that is
	// known: all are evaluated, the one without an answer may be too.
	d.eventually("everything read", func() bool { n := d.metric("ripcord_events_total"); return n >= float64(taken) })
	if n := d.metric("ripcord_events_total"); n > float64(taken)+1 {
		t.Errorf("%v events were read, %d were accepted", n, taken)
	}
	if n := d.metric("ripcord_events_missing_total"); n != 0 {
		t.Errorf("%v messages are missing", n)
	}
	d.verified()
}

// event posts one event of 3 KiB.
func (d *daemon) event(n int) (*http.Response, string) {
	d.t.Helper()
	body := fmt.Sprintf(`{"specversion":"1.0","id":"e%d","source":"test","type":"payment","target":"shop","version":"v41","data":{"note":%q}}`, n, strings.Repeat("x", 3<<10))
	resp, err := http.Post(d.url+"/api/v1/events", "application/cloudevents+json", bytes.NewReader([]byte(body)))
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp, strings.TrimSpace(string(text))
}

func (d *daemon) text(path string) (int, string) {
	d.t.Helper()
	resp, err := http.Get(d.url + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func (d *daemon) readyText() (int, string) { return d.text("/-/ready") }

// metric is the value of a metric without labels.
func (d *daemon) metric(name string) float64 {
	d.t.Helper()
	_, text := d.text("/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			var n float64
			if _, err := fmt.Sscan(value, &n); err != nil {
				d.t.Fatal(err)
			}
			return n
		}
	}
	d.t.Fatalf("no metric %s", name)
	return 0
}

// fillDisk takes all the room of a disk in one file and names it.
func fillDisk(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	return path
}
