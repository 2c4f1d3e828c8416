//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// binary is the daemon that `make build` made, or RIPCORD_BENCH_BINARY.
func binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("RIPCORD_BENCH_BINARY")
	if path == "" {
		path = "../../bin/ripcord"
	}
	path, err := filepath.Abs(path)
	check(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make build first", err)
	}
	return path
}

// usage is what a process has taken: memory in MiB, and CPU time.
func usage(t testing.TB, pid int) (rss float64, cpu time.Duration) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(t, err)
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.Fields(kib)[0])
			check(t, err)
			rss = float64(n) / 1024
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(t, err)
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const utime, stime, tick = 11, 12, 10 * time.Millisecond // USER_HZ is 100 on Linux
	for _, i := range []int{utime, stime} {
		n, err := strconv.Atoi(fields[i])
		check(t, err)
		cpu += time.Duration(n) * tick
	}
	return rss, cpu
}

func TestAtRest(t *testing.T) {
	const settle, watch = 30 * time.Second, 30 * time.Second
	dir := t.TempDir()
	daemon := exec.Command(binary(t), "run", "--config", writeConfig(t, dir, "127.0.0.1:0", "http://127.0.0.1:9", 10, 6))
	self, err := os.Executable()
	check(t, err)
	alone := exec.Command(self)
	alone.Env = append(os.Environ(), idleServer+"="+t.TempDir())
	both := []*exec.Cmd{daemon, alone}
	for _, c := range both {
		c.Stderr = os.Stderr
		check(t, c.Start())
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	}
	time.Sleep(settle)
	var rss, share [2]float64
	var before [2]time.Duration
	for i, c := range both {
		rss[i], before[i] = usage(t, c.Process.Pid)
	}
	time.Sleep(watch)
	for i, c := range both {
		_, after := usage(t, c.Process.Pid)
		share[i] = 100 * (after - before[i]).Seconds() / watch.Seconds()
	}
	add(row{
		"at rest, 10 targets, 60 rules: memory after 30 s", fmt.Sprintf("embedded server alone %.0f MiB", rss[1]),
		fmt.Sprintf("%.0f MiB RSS", rss[0]), fmt.Sprintf("%.1f ×", rss[0]/rss[1]), "≤ 70 MiB", rss[0] <= 70,
	})
	add(row{
		"at rest: CPU over 30 s", fmt.Sprintf("alone %.2f %% of a core", share[1]), fmt.Sprintf("%.2f %%", share[0]),
		fmt.Sprintf("%.1f ×", share[0]/max(share[1], .01)), "≤ 1 % of a core", share[0] <= 1,
	})
}

func TestDemo(t *testing.T) {
	type report struct {
		Asked     float64 `json:"asked_ms"`
		Detected  float64 `json:"detected_ms"`
		Approved  float64 `json:"approved_ms"`
		Healthy   float64 `json:"healthy_ms"`
		Recovered bool    `json:"recovered"`
	}
	for _, mode := range []string{"approve", "auto"} {
		var asked, approved, healed []float64
		for range 3 {
			out, err := exec.Command(binary(t), "demo", "--headless", "--mode", mode, "--dir", filepath.Join(t.TempDir(), "demo")).Output()
			check(t, err)
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			var r report
			check(t, json.Unmarshal([]byte(lines[len(lines)-1]), &r))
			if !r.Recovered {
				t.Fatal(lines[len(lines)-1])
			}
			asked, approved = append(asked, r.Asked), append(approved, r.Approved)
			healed = append(healed, r.Healthy-r.Approved)
		}
		what, figures, goal := "demo, bad release → asked with a button", asked, 3000.
		if mode == "auto" {
			what, figures, goal = "demo, auto: bad release → the act begins", approved, 6000
		}
		add(row{what, "—", spread("%.0f", figures) + " ms", "—", fmt.Sprintf("≤ %.0f ms", goal), median(figures) <= goal})
		add(row{
			"demo, " + mode + ": leave to act → first healthy answer", "—", spread("%.0f", healed) + " ms", "—", "≤ 1000 ms", median(healed) <= 1000,
		})
	}
}
