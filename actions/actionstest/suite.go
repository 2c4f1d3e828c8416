package actionstest

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/actions"
)

// Run asks every question of the contract, each at a fresh bench.
func Run(t *testing.T, bench func(t *testing.T) Bench) {
	points := []struct {
		name string
		ask  func(*testing.T, *asker)
	}{
		{"reading changes nothing", readingChangesNothing},
		{"a plan at the place it goes to has From equal to To", planAtTo},
		{"executing moves, and Verify says at_to", executingMoves},
		{"executing at To does nothing", executingAtTo},
		{"twice is once", twiceIsOnce},
		{"twice at the same time is once", concurrentTwiceIsOnce},
		{"a foreign change between Plan and Execute is refused", foreignChange},
		{"drift is refused however often it is tried", driftStays},
		{"a foreign move to To is left alone", foreignMoveToTo},
		{"a cancelled call does nothing and returns", cancelled},
		{"an attempt past its deadline does nothing", pastDeadline},
		{"a lost answer is unknown, then Verify tells", lostAnswer},
		{"a version that is gone is refused, naming what there is", versionGone},
		{"a version that goes between Plan and Execute is refused", versionGoes},
		{"a name that is no version is refused", badNames},
		{"the revision of the ledger is taken or refused", ledgerRevision},
		{"Look agrees with Verify", lookAgrees},
		{"a step survives JSON and another process", stepSurvivesJSON},
		{"two plans have one digest", equalDigests},
		{"a place that refuses is denied", denied},
		{"a place that is busy is tried later", busy},
	}
	for name, has := range bench(t).Coverage() {
		if !has {
			t.Logf("not applicable to this kind: %s", name)
		}
	}
	for _, p := range points {
		t.Run(p.name, func(t *testing.T) {
			b := bench(t)
			p.ask(t, &asker{t: t, Bench: b, action: b.Open(t)})
		})
	}
}

func readingChangesNothing(t *testing.T, a *asker) {
	state := func() string {
		if a.State == nil {
			return ""
		}
		return a.State(t)
	}
	before := state()
	a.unmoved(func() {
		s := a.plan(Good)
		a.wantPlace(s, actions.AtFrom)
		if _, err := a.action.Look(t.Context()); err != nil {
			t.Errorf("look: %v", err)
		}
	})
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("reading changed the place (-before +after):\n%s", diff)
	}
	a.wantLive(Bad)
}

func planAtTo(t *testing.T, a *asker) {
	s := a.plan(Bad)
	if s.From != s.To || s.From.IsZero() {
		t.Errorf("plan at %s goes from %+v to %+v", Bad, s.From, s.To)
	}
	a.unmoved(func() { a.execute(s, 1) })
	a.wantPlace(s, actions.AtTo)
}

func executingMoves(t *testing.T, a *asker) {
	s := a.plan(Good)
	if s.From == s.To || s.ID != "artifact/0" || s.Kind == "" || s.Place == "" || s.Text == "" || s.Class == "" {
		t.Errorf("the step says too little: %+v", s)
	}
	a.moved(1, func() { a.execute(s, 1) })
	a.wantLive(Good)
	if v := a.wantPlace(s, actions.AtTo); v.Seen != s.To {
		t.Errorf("verify saw %+v, want %+v", v.Seen, s.To)
	}
}

func executingAtTo(_ *testing.T, a *asker) {
	s := a.plan(Good)
	a.execute(s, 1)
	a.unmoved(func() { a.execute(s, 2) })
	a.wantLive(Good)
	a.wantPlace(s, actions.AtTo)
}

func twiceIsOnce(t *testing.T, a *asker) {
	s := a.plan(Good)
	a.moved(1, func() {
		a.execute(s, 1)
		a.action = a.Open(t)
		a.execute(s, 1)
	})
	a.wantLive(Good)
}

func concurrentTwiceIsOnce(t *testing.T, a *asker) {
	s := a.plan(Good)
	a.moved(1, func() {
		var wg sync.WaitGroup
		for range 4 {
			other := a.Open(t)
			wg.Go(func() {
				if err := other.Execute(t.Context(), s, attempt(1)); err != nil {
					t.Errorf("execute: %v", err)
				}
			})
		}
		wg.Wait()
	})
	a.wantLive(Good)
	a.wantPlace(s, actions.AtTo)
}

func foreignChange(t *testing.T, a *asker) {
	s := a.plan(Good)
	a.Add(t, "v3")
	a.Set(t, "v3")
	a.unmoved(func() { wantCode(t, a.action.Execute(t.Context(), s, attempt(1)), actions.Drift) })
	a.wantLive("v3")
	if v := a.wantPlace(s, actions.Elsewhere); v.Seen.Rev == s.From.Rev || v.Seen.Rev == s.To.Rev || v.Seen.IsZero() {
		t.Errorf("verify says elsewhere and saw %+v", v.Seen)
	}
}

func driftStays(t *testing.T, a *asker) {
	s := a.plan(Good)
	a.execute(s, 1)
	a.Add(t, "v3")
	a.Set(t, "v3")
	a.unmoved(func() {
		for n := range 3 {
			wantCode(t, a.Open(t).Execute(t.Context(), s, attempt(n+2)), actions.Drift)
		}
	})
	a.wantLive("v3")
}

func foreignMoveToTo(t *testing.T, a *asker) {
	s := a.plan(Good)
	a.Set(t, Good)
	a.unmoved(func() { a.execute(s, 1) })
	a.wantLive(Good)
	a.wantPlace(s, actions.AtTo)
}

func cancelled(t *testing.T, a *asker) {
	s := a.plan(Good)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.unmoved(func() {
		within(t, "a call whose context has ended", func() {
			if err := a.action.Execute(ctx, s, attempt(1)); err == nil {
				t.Error("execute with an ended context says that it moved")
			}
			_, _ = a.action.Plan(ctx, request(Good))
			_, _ = a.action.Verify(ctx, s)
			_, _ = a.action.Look(ctx)
		})
	})
	a.wantLive(Bad)
	if a.Hang == nil {
		t.Log("not applicable to this kind: cancelling a call that hangs")
		return
	}
	heal := a.Hang(t)
	defer heal()
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(impatience, cancel)
	within(t, "a cancelled Execute", func() {
		wantCode(t, a.action.Execute(ctx, s, attempt(1)), actions.Unknown)
	})
}

func pastDeadline(t *testing.T, a *asker) {
	s := a.plan(Good)
	late := attempt(1)
	late.Deadline = time.Now().Add(-time.Second)
	a.unmoved(func() { wantCode(t, a.action.Execute(t.Context(), s, late), actions.Retry) })
	a.wantLive(Bad)
}

func lostAnswer(t *testing.T, a *asker) {
	if a.Hang == nil {
		t.Log("not applicable to this kind: a lost answer")
		return
	}
	s := a.plan(Good)
	a.moved(1, func() {
		heal := a.Hang(t)
		ctx, cancel := context.WithTimeout(t.Context(), impatience)
		defer cancel()
		wantCode(t, a.action.Execute(ctx, s, attempt(1)), actions.Unknown)
		heal()
		a.action = a.Open(t)
		if v := a.verify(s); v.Place == actions.AtFrom {
			a.execute(s, 2)
		}
		a.wantPlace(s, actions.AtTo)
	})
	a.wantLive(Good)
}

func versionGone(t *testing.T, a *asker) {
	a.Remove(t, Good)
	_, err := a.action.Plan(t.Context(), request(Good))
	wantCode(t, err, actions.Permanent, actions.Denied)
	if err != nil && !strings.Contains(err.Error(), Bad) {
		t.Errorf("the refusal %q does not name %s, which is there", err, Bad)
	}
}

func versionGoes(t *testing.T, a *asker) {
	s := a.plan(Good)
	a.Remove(t, Good)
	a.unmoved(func() {
		wantCode(t, a.action.Execute(t.Context(), s, attempt(1)), actions.Permanent, actions.Drift, actions.Denied)
	})
	a.wantLive(Bad)
}

func badNames(t *testing.T, a *asker) {
	names := []string{"", ".", "..", "../" + Good, Good + "/../" + Good, "/" + Good, "never-was", "a\x00b", strings.Repeat("x", 300)}
	a.unmoved(func() {
		for _, name := range names {
			_, err := a.action.Plan(t.Context(), request(name))
			if err == nil {
				t.Errorf("version %q was planned", name)
				continue
			}
			wantCode(t, err, actions.Permanent, actions.Denied)
		}
	})
}

func ledgerRevision(t *testing.T, a *asker) {
	req := request(Good)
	req.ToRev = a.plan(Good).To
	s, err := a.action.Plan(t.Context(), req)
	if err != nil {
		t.Fatalf("plan with the ledger's revision: %v", err)
	}
	if s.To != req.ToRev {
		t.Errorf("plan goes to %+v, the ledger has %+v", s.To, req.ToRev)
	}
	req.ToRev = actions.Revision{Rev: "never-was", Digest: "sha256:00"}
	if s, err = a.action.Plan(t.Context(), req); err == nil {
		t.Errorf("plan goes to %+v, the ledger has %+v", s.To, req.ToRev)
	}
	wantCode(t, err, actions.Permanent, actions.Denied)
}

func lookAgrees(t *testing.T, a *asker) {
	s := a.plan(Good)
	look := func(version string, rev actions.Revision) actions.Sight {
		t.Helper()
		sight, err := a.action.Look(t.Context())
		if err != nil {
			t.Fatalf("look: %v", err)
		}
		if sight.Live.Version != version || sight.Live.Revision != rev {
			t.Errorf("look sees %+v, want %s at %+v", sight.Live, version, rev)
		}
		return sight
	}
	for _, e := range look(Bad, a.verify(s).Seen).Earlier {
		if e.Version == Bad {
			t.Errorf("the live version is among the earlier ones")
		}
	}
	a.execute(s, 1)
	look(Good, a.verify(s).Seen)
}

func stepSurvivesJSON(t *testing.T, a *asker) {
	s := a.plan(Good)
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back actions.Step
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Fatalf("the step changed on its way through JSON:\n%s", diff)
	}
	a.action = a.Open(t)
	a.moved(1, func() { a.execute(back, 1) })
	a.wantPlace(back, actions.AtTo)
}

func equalDigests(t *testing.T, a *asker) {
	seal := func() string {
		p := actions.Plan{Target: "scorer", Incident: "inc-1", Stage: "artifact", To: Good, Steps: []actions.Step{a.plan(Good)}}
		p.Seal()
		return p.Digest
	}
	first := seal()
	a.action = a.Open(t)
	if second := seal(); first != second {
		t.Errorf("two plans of one state have digests %s and %s", first, second)
	}
}

func denied(t *testing.T, a *asker) { refused(t, a, "denied", a.Deny, actions.Denied) }
func busy(t *testing.T, a *asker)   { refused(t, a, "busy", a.Busy, actions.Retry) }

func refused(t *testing.T, a *asker, what string, fault func(*testing.T) func(), want actions.Code) {
	if fault == nil {
		t.Log("not applicable to this kind:", what)
		return
	}
	s := a.plan(Good)
	ctx, cancel := context.WithTimeout(t.Context(), impatience)
	defer cancel()
	heal := fault(t)
	a.unmoved(func() { wantCode(t, a.action.Execute(ctx, s, attempt(1)), want) })
	heal()
	a.moved(1, func() { a.execute(s, 2) })
	a.wantLive(Good)
}
