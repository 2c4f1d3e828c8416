package actionstest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

// defects are mistakes that a kind can make, each with the point that finds it.
func defects() map[string]string {
	return map[string]string{
		"planning writes":                     "reading changes nothing",
		"verify believes":                     "reading changes nothing",
		"from is forgotten at to":             "a plan at the place it goes to has From equal to To",
		"executing does nothing":              "executing moves, and Verify says at_to",
		"executing at to writes":              "executing at To does nothing",
		"twice undoes":                        "twice is once",
		"no lock":                             "twice at the same time is once",
		"drift is overwritten":                "a foreign change between Plan and Execute is refused",
		"drift has no code":                   "drift is refused however often it is tried",
		"a cancelled call is made":            "a cancelled call does nothing and returns",
		"deadlines are for others":            "an attempt past its deadline does nothing",
		"a refusal names nothing":             "a version that is gone is refused, naming what there is",
		"what is gone is moved to":            "a version that goes between Plan and Execute is refused",
		"any name will do":                    "a name that is no version is refused",
		"the ledger is not asked":             "the revision of the ledger is taken or refused",
		"look is behind":                      "Look agrees with Verify",
		"a step is kept in memory":            "a step survives JSON and another process",
		"a step has the time":                 "two plans have one digest",
		"a lost answer is a refusal":          "a lost answer is unknown, then Verify tells",
		"a place that is busy has an opinion": "a place that is busy is tried later",
	}
}

func TestSuitePassesASoundKind(t *testing.T) { Run(t, memory("").bench) }

// Every defect fails the suite, at the point that is meant for it.
func TestSuiteFindsEveryDefect(t *testing.T) {
	for defect, point := range defects() {
		t.Run(defect, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDefect$", "-test.v")
			run.Env = append(os.Environ(), "ACTIONSTEST_DEFECT="+defect)
			out, err := run.CombinedOutput()
			if err == nil {
				t.Fatal("the suite passes it")
			}
			if want := "--- FAIL: TestDefect/" + strings.ReplaceAll(point, " ", "_"); !strings.Contains(string(out), want) {
				t.Errorf("the point %q does not fail:\n%s", point, out)
			}
		})
	}
}

// TestDefect is what TestSuiteFindsEveryDefect runs in a process of its own.
func TestDefect(t *testing.T) {
	defect := os.Getenv("ACTIONSTEST_DEFECT")
	if defect == "" {
		t.Skip("runs only under TestSuiteFindsEveryDefect")
	}
	Run(t, memory(defect).bench)
}

// memory is a kind whose places are in memory, with one defect or none.
type memory string

type place struct {
	defect   string
	mu       sync.Mutex
	versions []string
	live     string
	effects  int
	reads    int
	denied   bool
	busy     bool
	hang     chan struct{}
}

func (m memory) bench(*testing.T) Bench {
	p := &place{defect: string(m), versions: Versions(), live: Bad}
	with := func(do func()) { p.mu.Lock(); defer p.mu.Unlock(); do() }
	flag := func(on *bool) func(*testing.T) func() {
		return func(*testing.T) func() {
			with(func() { *on = true })
			return func() { with(func() { *on = false }) }
		}
	}
	return Bench{
		Open: func(*testing.T) actions.Action { return &action{place: p} },
		Add:  func(_ *testing.T, v string) { with(func() { p.versions = append(p.versions, v) }) },
		Remove: func(_ *testing.T, v string) {
			with(func() { p.versions = slices.DeleteFunc(p.versions, func(w string) bool { return w == v }) })
		},
		Set:     func(_ *testing.T, v string) { with(func() { p.set(v) }) },
		Live:    func(*testing.T) (v string) { with(func() { v = p.live }); return },
		Effects: func(*testing.T) (n int) { with(func() { n = p.effects }); return },
		State:   func(*testing.T) (s string) { with(func() { s = fmt.Sprint(p.versions, p.live) }); return },
		Deny:    flag(&p.denied),
		Busy:    flag(&p.busy),
		Hang: func(*testing.T) func() {
			hang := make(chan struct{})
			with(func() { p.hang = hang })
			return func() { with(func() { p.hang = nil }); close(hang) }
		},
	}
}

func (p *place) set(v string) {
	p.live = v
	p.effects++
}

type action struct {
	*place
	planned map[string]bool
}

func (a *action) has(defect string) bool { return a.defect == defect }

func revision(v string) actions.Revision { return actions.Revision{Rev: v, Digest: "d-" + v} }

func (a *action) Look(context.Context) (actions.Sight, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.live
	if a.has("look is behind") {
		v = Bad
	}
	return actions.Sight{Live: actions.Seen{Version: v, Revision: revision(v)}}, nil
}

func (a *action) Plan(_ context.Context, req actions.Request) (actions.Step, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reads++
	if a.has("planning writes") {
		a.set(a.live)
	}
	other := !req.ToRev.IsZero() && req.ToRev != revision(req.To) && !a.has("the ledger is not asked")
	if other || !slices.Contains(a.versions, req.To) && !a.has("any name will do") {
		there := strings.Join(a.versions, ", ")
		if a.has("a refusal names nothing") {
			there = "others"
		}
		return actions.Step{}, actions.Errorf(actions.Permanent, "no such version: there are %s", there)
	}
	s := actions.Step{
		ID: req.StepID, Kind: "memory", Place: "memory", From: revision(a.live), To: revision(req.To),
		Class: actions.ClassA, Text: "move",
	}
	if a.has("from is forgotten at to") && s.From == s.To {
		s.From = actions.Revision{}
	}
	if a.has("a step has the time") {
		s.Text = fmt.Sprint("move after reads: ", a.reads)
	}
	a.planned = map[string]bool{s.ID: true}
	return s, nil
}

func (a *action) Execute(ctx context.Context, s actions.Step, at actions.Attempt) error {
	if ctx.Err() != nil && !a.has("a cancelled call is made") {
		return actions.Errorf(actions.Retry, "%w", ctx.Err())
	}
	if time.Now().After(at.Deadline) && !a.has("deadlines are for others") {
		return actions.Errorf(actions.Retry, "too late")
	}
	a.mu.Lock()
	hang := a.hang
	err := a.move(s)
	a.mu.Unlock()
	if hang == nil {
		return err
	}
	select {
	case <-hang:
		return err
	case <-ctx.Done():
	}
	if a.has("a lost answer is a refusal") {
		return actions.Errorf(actions.Retry, "%w", ctx.Err())
	}
	return actions.Errorf(actions.Unknown, "%w", ctx.Err())
}

// move is the compare-and-set; the lock is held.
func (a *action) move(s actions.Step) error {
	switch {
	case a.busy && a.has("a place that is busy has an opinion"):
		return actions.Errorf(actions.Permanent, "busy")
	case a.busy:
		return actions.Errorf(actions.Retry, "busy")
	case a.denied:
		return actions.Errorf(actions.Denied, "not allowed")
	case a.has("a step is kept in memory") && !a.planned[s.ID]:
		return actions.Errorf(actions.Permanent, "no such step")
	case a.live == s.To.Rev:
		return a.again(s)
	case a.live != s.From.Rev && a.has("drift has no code"):
		return fmt.Errorf("live is %s", a.live)
	case a.live != s.From.Rev && !a.has("drift is overwritten"):
		return actions.Errorf(actions.Drift, "live is %s", a.live)
	case !slices.Contains(a.versions, s.To.Rev) && !a.has("what is gone is moved to"):
		return actions.Errorf(actions.Permanent, "%s is gone", s.To.Rev)
	case a.has("executing does nothing"):
		return nil
	}
	if a.has("no lock") {
		a.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
		a.mu.Lock()
	}
	a.set(s.To.Rev)
	return nil
}

func (a *action) again(s actions.Step) error {
	if a.has("executing at to writes") {
		a.set(s.To.Rev)
	}
	if a.has("twice undoes") {
		a.set(s.From.Rev)
	}
	return nil
}

func (a *action) Verify(_ context.Context, s actions.Step) (actions.Verdict, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := actions.Verdict{Place: actions.Elsewhere, Seen: revision(a.live)}
	switch {
	case a.live == s.To.Rev, a.has("verify believes"):
		v.Place = actions.AtTo
	case a.live == s.From.Rev:
		v.Place = actions.AtFrom
	}
	return v, nil
}
