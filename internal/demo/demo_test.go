package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// binary is the ripcord that plays, built from this tree.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ripcord-demo-test")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "ripcord")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/ripcord-dev/ripcord/cmd/ripcord").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build ripcord: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// The whole story ends well, in both modes: with the daemon in a process of its
// own, and Slack played by the stand-in.
func TestStory(t *testing.T) {
	if testing.Short() {
		t.Skip("the story takes half a minute; run without -short")
	}
	for _, mode := range []string{"approve", "auto"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			play(t, mode)
		})
	}
}

func play(t *testing.T, mode string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := setTheStage(ctx, Options{
		Dir: filepath.Join(t.TempDir(), "demo"), Mode: mode, Headless: true, Binary: binary, Screen: &Screen{Out: io.Discard},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.strike()
	report, err := s.play(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", report)
	if !report.Recovered || report.State != "recovered" || report.DetectedMS < 0 || report.RecoveredMS < report.DetectedMS {
		t.Errorf("the story ended with %+v", report)
	}
	if asked := report.ApprovedMS >= 0 && report.AskedMS >= 0; mode == "approve" && !asked {
		t.Errorf("nobody was asked: %+v", report)
	}
	if live, err := os.Readlink(filepath.Join(s.world.Dir, "current")); err != nil || filepath.Base(live) != modelV41.Version {
		t.Errorf("current points to %q (%v), want %s", live, err, modelV41.Version)
	}
	verified, err := s.api.VerifyJournal(ctx)
	if err != nil || !verified.OK {
		t.Errorf("the journal is %+v (%v)", verified, err)
	}
	s.oneMessage(t)
}

// oneMessage wants one message in the channel besides its thread, without a
// button in the end. The last edit may come a little after the record.
func (s *stage) oneMessage(t *testing.T) {
	t.Helper()
	var heads, buttons int
	for range 100 {
		heads, buttons = 0, 0
		for _, m := range s.stub.Messages() {
			if m.ThreadTS == "" || m.ThreadTS == m.TS {
				heads++
			}
			buttons += len(m.Buttons())
		}
		if heads == 1 && buttons == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d messages with %d buttons left, want one and none", heads, buttons)
}
