//go:build crashpoint

package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

var (
	mu   sync.Mutex
	hits = map[string]int{}
)

// Hit kills the process when RIPCORD_CRASHPOINT is name, or name:n and this is
// the n-th time. With RIPCORD_CRASHPOINT_LOG set, every first hit of a name is
// appended to that file, so that a test can tell a place that was never reached.
func Hit(name string) {
	mu.Lock()
	defer mu.Unlock()
	hits[name]++
	if path := os.Getenv("RIPCORD_CRASHPOINT_LOG"); path != "" && hits[name] == 1 {
		if f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			_, _ = f.WriteString(name + "\n")
			_ = f.Close()
		}
	}
	want, nth, found := strings.Cut(os.Getenv("RIPCORD_CRASHPOINT"), ":")
	n := 1
	if found {
		n, _ = strconv.Atoi(nth)
	}
	if want == name && hits[name] == n {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
