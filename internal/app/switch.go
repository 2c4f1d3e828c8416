package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// fileSwitch is the local switch: engaged while the file exists, and when nobody
// can say whether it does. It works without NATS, Slack and this daemon's API.
func fileSwitch(path string) func() string {
	return func() string {
		raw, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return ""
		case err != nil:
			return fmt.Sprintf("the switch %s can not be read (%v): it counts as engaged", path, err)
		}
		reason := strings.TrimSpace(string(raw[:min(len(raw), 200)]))
		if reason == "" {
			reason = "no reason given"
		}
		return fmt.Sprintf("frozen by the switch %s: %s", path, reason)
	}
}
