package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// engage engages the local switch at path with a reason; one that is engaged
// already keeps its own.
func engage(path, reason string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("engage the switch: %w", err)
	}
	_, err = f.WriteString(reason + "\n")
	return errors.Join(err, f.Close())
}

// lost picks the streams out of what was set aside before the start. A reader that
// was set aside is made anew and loses nothing.
func lost(setAside []string) []string {
	return slices.DeleteFunc(slices.Clone(setAside), func(path string) bool {
		return filepath.Base(filepath.Dir(path)) == "obs"
	})
}

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
