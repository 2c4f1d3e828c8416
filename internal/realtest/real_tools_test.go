//go:build real

package realtest

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The server of nats.url: the oldest that the product takes, and one that it must
// refuse.
const (
	natsServer    = "github.com/nats-io/nats-server/v2@v2.15.2"
	natsServerOld = "github.com/nats-io/nats-server/v2@v2.12.1"
)

// built gives the program of a Go module at a version. It is built once for a
// version of Go and then found in ~/.cache/ripcord/real/<hash>.
func built(t *testing.T, module string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(module + " " + runtime.Version()))
	dir := filepath.Join(cache, "ripcord", "real", hex.EncodeToString(sum[:6]))
	name := filepath.Base(strings.TrimSuffix(module[:strings.IndexByte(module, '@')], "/v2"))
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	began := time.Now()
	c := exec.CommandContext(t.Context(), "go", "install", "-p", "2", "-trimpath", "-ldflags", "-s -w", module)
	c.Dir, c.Env = fresh, append(os.Environ(), "GOBIN="+fresh, "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build %s (it comes through the Go module proxy): %v\n%s", module, err, out)
	}
	if err := os.Rename(filepath.Join(fresh, name), path); err != nil {
		t.Fatal(err)
	}
	t.Logf("built %s in %s", module, time.Since(began).Round(time.Second))
	return path
}

// process starts a server in a process group of its own and ends it with the test.
func process(t *testing.T, dir, binary string, args ...string) *exec.Cmd {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(dir, filepath.Base(binary)+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(binary, args...)
	c.Dir, c.Stdout, c.Stderr = dir, log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatalf("start %s: %v", binary, err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
		_ = log.Close()
	})
	return c
}
