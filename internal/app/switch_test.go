package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheSwitchIsEngagedWhileItsFileIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "FREEZE")
	frozen := fileSwitch(path)
	if why := frozen(); why != "" {
		t.Errorf("frozen without a file: %s", why)
	}
	if err := engage(path, "the store was damaged"); err != nil {
		t.Fatal(err)
	}
	if err := engage(path, "another reason"); err != nil {
		t.Fatal(err)
	}
	if why := frozen(); !strings.Contains(why, "the store was damaged") {
		t.Errorf("frozen says %q, want the first reason", why)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if why := frozen(); why != "" {
		t.Errorf("frozen after the file is gone: %s", why)
	}
	if why := fileSwitch(t.TempDir())(); !strings.Contains(why, "counts as engaged") {
		t.Errorf("a switch that can not be read says %q", why)
	}
}

func TestOnlyLostStreamsFreeze(t *testing.T) {
	got := lost([]string{"/d/quarantine-1/$G/streams/RIPCORD_EVENTS", "/d/quarantine-1/$G/streams/RIPCORD_EVENTS/obs/reader"})
	if want := []string{"/d/quarantine-1/$G/streams/RIPCORD_EVENTS"}; !slices.Equal(got, want) {
		t.Errorf("lost %v, want %v", got, want)
	}
}
