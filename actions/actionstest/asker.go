package actionstest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

// patience is when a call counts as hanging, and how long a place may be Moving.
const patience = 20 * time.Second

// impatience is the deadline of a call that is meant to run into it.
const impatience = 300 * time.Millisecond

// asker is one question's bench with an action at it.
type asker struct {
	Bench
	t      *testing.T
	action actions.Action
}

func request(to string) actions.Request {
	return actions.Request{Target: "scorer", Incident: "inc-1", StepID: "artifact/0", To: to}
}

func attempt(n int) actions.Attempt {
	return actions.Attempt{
		Incident: "inc-1", Key: "inc-1/artifact/0", N: n,
		Token:    actions.Fence{Incarnation: "here", Epoch: uint64(n)},
		Deadline: time.Now().Add(patience),
	}
}

func (a *asker) plan(to string) actions.Step {
	a.t.Helper()
	s, err := a.action.Plan(a.t.Context(), request(to))
	if err != nil {
		a.t.Fatalf("plan %s: %v", to, err)
	}
	return s
}

func (a *asker) execute(s actions.Step, n int) {
	a.t.Helper()
	if err := a.action.Execute(a.t.Context(), s, attempt(n)); err != nil {
		a.t.Fatalf("execute, attempt %d: %v", n, err)
	}
}

// verify asks until the place has stopped moving.
func (a *asker) verify(s actions.Step) actions.Verdict {
	a.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		v, err := a.action.Verify(a.t.Context(), s)
		if err != nil {
			a.t.Fatalf("verify: %v", err)
		}
		if v.Place != actions.Moving {
			return v
		}
	}
	a.t.Fatal("verify says moving for ever")
	return actions.Verdict{}
}

func (a *asker) wantPlace(s actions.Step, want actions.Place) actions.Verdict {
	a.t.Helper()
	v := a.verify(s)
	if v.Place != want {
		a.t.Errorf("verify says %s (%s), want %s", v.Place, v.Text, want)
	}
	return v
}

func (a *asker) wantLive(want string) {
	a.t.Helper()
	if live := a.Live(a.t); live != want {
		a.t.Errorf("live is %s, want %s", live, want)
	}
}

// unmoved runs do and fails when the place had an effect meanwhile.
func (a *asker) unmoved(do func()) {
	a.t.Helper()
	a.moved(0, do)
}

func (a *asker) moved(want int, do func()) {
	a.t.Helper()
	before := a.Effects(a.t)
	do()
	if n := a.Effects(a.t) - before; n != want {
		a.t.Errorf("%d effects at the place, want %d", n, want)
	}
}

// wantCode wants an error that carries its code itself, not by default.
func wantCode(t *testing.T, err error, want ...actions.Code) {
	t.Helper()
	var e *actions.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v has no code, want %v", err, want)
	}
	if !slices.Contains(want, e.Code) {
		t.Errorf("error %q has code %s, want %v", err, e.Code, want)
	}
}

// within fails when do hangs.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s does not return", what)
	}
}
