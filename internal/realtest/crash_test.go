//go:build crashpoint

package realtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/internal/incident"
)

// crashCase is one place to die at. Each dies once and must then end well.
type crashCase struct {
	point string
	mode  string // of the rule; auto when empty
	// fresh dies in an empty directory, before the releases are announced.
	fresh   bool
	asEvent bool   // the alert comes by /api/v1/events and not from Alertmanager
	class   string // of the place; B when empty
	drain   bool   // SIGTERM while a call is under way leads to the point
}

var crashCases = []crashCase{
	{point: "boot.after_preflight", fresh: true},
	{point: "boot.after_preflight"},
	{point: "boot.after_stream_create", fresh: true},
	{point: "boot.after_stream_create"},
	{point: "boot.mid_replay"},
	{point: "ingest.after_read"},
	{point: "ingest.after_read", asEvent: true},
	{point: "ingest.before_publish"},
	{point: "ingest.before_publish", asEvent: true},
	{point: "ingest.after_puback"},
	{point: "ingest.after_puback", asEvent: true},
	{point: "ingest.before_reply"},
	{point: "ingest.before_reply", asEvent: true},
	{point: "eval.after_fetch"},
	{point: "eval.after_step"},
	{point: "eval.before_ack"},
	{point: "eval.after_ack"},
	{point: "plan.after_resolve"},
	{point: "plan.after_resolve", mode: "approve"},
	{point: "plan.after_planned_cas"},
	{point: "plan.after_planned_cas", mode: "approve"},
	{point: "budget.after_reserve"},
	{point: "budget.after_reserve", mode: "approve"},
	{point: "approve.after_verify", mode: "approve"},
	{point: "approve.before_event", mode: "approve"},   // in Slack's door
	{point: "approve.before_event:2", mode: "approve"}, // in the engine
	{point: "approve.after_cas", mode: "approve"},
	{point: "exec.before_intent"},
	{point: "exec.after_intent"},
	{point: "exec.after_intent", class: "C"},
	{point: "exec.after_connect"},
	{point: "exec.after_request_sent"},
	{point: "exec.after_request_sent", class: "C"},
	{point: "exec.after_response"},
	{point: "exec.after_response", class: "C"},
	{point: "exec.before_result_cas"},
	{point: "exec.after_result_cas"},
	{point: "verify.mid"},
	{point: "verify.before_done"},
	{point: "shutdown.mid_drain", drain: true},
}

func (c crashCase) name() string {
	name := c.point
	for _, also := range []struct {
		on   bool
		word string
	}{
		{c.mode != "", c.mode}, {c.fresh, "in an empty directory"}, {c.asEvent, "of an event"}, {c.class != "", "class " + c.class},
	} {
		if also.on {
			name += ", " + also.word
		}
	}
	return name
}

// TestCrashPointsAreAllTested finds the points in the source, so that none is
// forgotten.
func TestCrashPointsAreAllTested(t *testing.T) {
	hit := regexp.MustCompile(`crashpoint\.Hit\(("?[^)]*"?)\)`)
	var found []string
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2:
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range hit.FindAllStringSubmatch(string(raw), -1) {
			if m[1][0] != '"' {
				t.Errorf("%s: the point %s is no literal, nobody can list it", path, m[1])
				continue
			}
			found = append(found, strings.Trim(m[1], `"`))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var tested []string
	for _, c := range crashCases {
		point, _, _ := strings.Cut(c.point, ":")
		tested = append(tested, point)
	}
	slices.Sort(found)
	slices.Sort(tested)
	found, tested = slices.Compact(found), slices.Compact(tested)
	if len(found) == 0 || !slices.Equal(found, tested) {
		t.Errorf("points in the source:\n%v\npoints that are tested:\n%v", found, tested)
	}
}

// TestCrashAtEveryPoint dies at each point once and looks from outside at what
// became of it.
func TestCrashAtEveryPoint(t *testing.T) {
	buildCrashBinary(t)
	slots := make(chan struct{}, 2)
	for _, c := range crashCases {
		t.Run(c.name(), func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			c.run(t)
		})
	}
}

func (c crashCase) run(t *testing.T) {
	mode, class := c.mode, c.class
	if mode == "" {
		mode = "auto"
	}
	if class == "" {
		class = "B"
	}
	s := newScene(t, mode, class)
	if !c.fresh {
		s.prepare()
	}
	if c.drain {
		s.oracle.slow = time.Second
	}
	s.start(c.point)
	var done <-chan error
	if strings.HasPrefix(c.point, "boot.") {
		s.died(c.point)
		s.start("")
		if c.fresh {
			s.deploy()
		}
		done = s.play(t.Context(), c.asEvent)
	} else {
		s.ready()
		done = s.play(t.Context(), c.asEvent)
		if c.drain {
			select {
			case <-s.oracle.changed: // and its answer is not there yet
			case <-time.After(crashPatience):
				t.Fatal("the place was never asked to move")
			}
			s.signal(syscall.SIGTERM)
		}
		s.died(c.point)
		s.start("")
	}
	s.ready()
	s.judge(done, class)
}

// prepare runs the daemon once, announces the releases, and ends it politely.
func (s *scene) prepare() {
	s.t.Helper()
	s.start("")
	s.ready()
	s.deploy()
	s.signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(crashPatience):
		s.t.Fatal("the daemon does not end on SIGTERM")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Fatalf("the daemon ended with %d on SIGTERM", code)
	}
}

// judge checks the invariants of reliability.md §10 from the outside.
func (s *scene) judge(done <-chan error, class string) {
	s.t.Helper()
	inc := s.outcome()
	executions := s.oracle.executions()
	changes := 0
	for _, e := range executions {
		if e.Changed {
			changes++
		}
		if want := inc.ID + "/deploy/0"; e.Key != want || e.HeaderKey != want {
			s.t.Errorf("the key of an execute is %q, header %q, want %q", e.Key, e.HeaderKey, want)
		}
		if e.From != "v42" || e.To != "v41" {
			s.t.Errorf("an execute went from %s to %s", e.From, e.To)
		}
		s.intended(inc.Entries, e)
	}
	for i := 1; i < len(executions); i++ {
		if executions[i].Epoch <= executions[i-1].Epoch {
			s.t.Errorf("the fence went from %d to %d", executions[i-1].Epoch, executions[i].Epoch)
		}
	}
	switch {
	case class == "C" && inc.State == incident.UnknownState:
		if len(executions) > 1 {
			s.t.Errorf("class C was called %d times", len(executions))
		}
	case inc.State != incident.Recovered:
		s.t.Errorf("the incident is %s (%s), want recovered", inc.State, inc.Verdict)
	case changes != 1:
		s.t.Errorf("the oracle saw %d mutations, want 1", changes)
	}
	if class == "C" && len(executions) > 1 {
		s.t.Errorf("class C was called %d times", len(executions))
	}
	if inc.State == incident.Recovered {
		select {
		case err := <-done:
			if err != nil {
				s.t.Errorf("the sender of alerts: %v", err)
			}
		case <-time.After(crashPatience):
			s.t.Error("the sender of alerts was never answered")
		}
		if live := s.oracle.now(); live != "v41" {
			s.t.Errorf("%s is live, want v41", live)
		}
	}
	stored := s.storedIDs()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.accepted {
		if stored[id] == 0 {
			s.t.Errorf("event %s was answered with 2xx and is nowhere", id)
		}
	}
	verdict, err := s.api.VerifyJournal(s.t.Context())
	if err != nil || !verdict.OK || verdict.Records == 0 {
		s.t.Errorf("the journal does not verify: %+v %v", verdict, err)
	}
	s.eventually("Slack shows one message that asks nobody any more", func(context.Context) error {
		messages := s.slack.Messages()
		if heads := headMessages(messages); heads[inc.ID] == 0 || slices.ContainsFunc(messages, offersApproval) {
			return fmt.Errorf("heads %v", heads)
		}
		return nil
	})
	if heads := headMessages(s.slack.Messages()); len(heads) != 1 || heads[inc.ID] != 1 {
		s.t.Errorf("Slack shows heads %v, want one of %s", heads, inc.ID)
	}
}

// intended demands that the intent of an execute was in the journal before it.
func (s *scene) intended(entries []incident.Entry, e execution) {
	s.t.Helper()
	words := fmt.Sprintf("attempt %d until", e.Attempt)
	if !slices.ContainsFunc(entries, func(entry incident.Entry) bool {
		return entry.Kind == string(incident.Executing) && strings.Contains(entry.Text, words) && !entry.At.After(e.At)
	}) {
		s.t.Errorf("no intent of attempt %d is in the journal before its execute: %+v", e.Attempt, entries)
	}
}

// TestCrashAtRandomTimes kills the daemon ten times while events stream in and an
// incident runs.
func TestCrashAtRandomTimes(t *testing.T) {
	const kills = 10
	const seed = 41
	random := rand.New(rand.NewPCG(seed, seed))
	s := newScene(t, "auto", "B")
	s.prepare()
	ctx, stop := context.WithCancel(t.Context())
	streamed := make(chan error, 1)
	sent := 0
	go func() {
		for ; ctx.Err() == nil; sent++ {
			body, _ := json.Marshal(map[string]any{
				"id": fmt.Sprintf("payment-%d", sent), "type": "payment", "target": crashTarget, "source": "test", "time": time.Now().UTC(),
				"data": map[string]any{"amount": sent},
			})
			if err := s.post(t.Context(), "/api/v1/events", body); err != nil {
				streamed <- err
				return
			}
		}
		streamed <- nil
	}()
	var done <-chan error
	for i := range kills {
		s.start("")
		if i == kills/3 {
			done = s.play(t.Context(), false)
		}
		time.Sleep(time.Duration(100+random.IntN(1400)) * time.Millisecond)
		s.kill()
	}
	s.start("")
	s.ready()
	time.Sleep(300 * time.Millisecond)
	stop()
	if err := <-streamed; err != nil {
		t.Fatalf("the stream of events (seed %d): %v", seed, err)
	}
	if sent < kills {
		t.Errorf("only %d events were sent", sent)
	}
	t.Logf("%d events over %d kills", sent, kills)
	s.judge(done, "B")
}
