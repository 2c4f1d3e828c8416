package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const step = "release/0"

// place is a foreign system: it holds one revision and counts what changed it.
type place struct {
	mu      sync.Mutex
	live    string
	moves   int
	execute func(ctx context.Context, p *place, s actions.Step) error // nil: move
}

func (p *place) Look(context.Context) (actions.Sight, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return actions.Sight{Live: actions.Seen{Version: p.live, Revision: actions.Revision{Rev: p.live}}}, nil
}

func (p *place) Plan(_ context.Context, req actions.Request) (actions.Step, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return actions.Step{
		ID: req.StepID, Kind: "test", Place: "place", Class: actions.ClassA,
		From: actions.Revision{Rev: p.live}, To: actions.Revision{Rev: req.To}, Text: "move",
	}, nil
}

func (p *place) move(s actions.Step) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.live {
	case s.To.Rev:
		return nil
	case s.From.Rev:
		p.live = s.To.Rev
		p.moves++
		return nil
	}
	return actions.Errorf(actions.Drift, "the place is at %s", p.live)
}

func (p *place) Execute(ctx context.Context, s actions.Step, _ actions.Attempt) error {
	if p.execute != nil {
		return p.execute(ctx, p, s)
	}
	return p.move(s)
}

func (p *place) Verify(_ context.Context, s actions.Step) (actions.Verdict, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := actions.Verdict{Place: actions.Elsewhere, Seen: actions.Revision{Rev: p.live}}
	switch p.live {
	case s.To.Rev:
		v.Place = actions.AtTo
	case s.From.Rev:
		v.Place = actions.AtFrom
	}
	return v, nil
}

func (p *place) seen() (string, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.live, p.moves
}

// house is one engine over a journal that outlives it.
type house struct {
	*Engine
	journal *journal.Memory
	place   *place
	stop    context.CancelFunc
	done    chan error

	mu        sync.Mutex
	announced []string
	held      []rules.Decision
	frozen    string
}

func policy() incident.Policy {
	return incident.Policy{
		Target: "fraud", Mode: rules.Auto, Approvers: []string{"ana"}, Quorum: 1, Expires: 15 * time.Minute, Veto: time.Minute,
		Attribution: 72 * time.Hour,
		Stages: []incident.Stage{{
			Name: "release", Stable: 10 * time.Second, Within: 5 * time.Minute,
			Steps: []incident.StepRef{{ID: step, Kind: "test", Timeout: 30 * time.Second}},
		}},
		Guards: incident.Guards{
			Cooldown: 30 * time.Minute, PerTarget: incident.Rate{N: 2, Per: 24 * time.Hour},
			MaxEventAge: 2 * time.Minute, KnownGoodAfter: time.Hour,
		},
	}
}

func build(j *journal.Memory, p *place) *house {
	h := &house{journal: j, place: p, done: make(chan error, 1)}
	h.Engine = New(Config{
		Journal: j, Policies: map[string]incident.Policy{"fraud": policy()},
		Actions:  map[string]map[string]actions.Action{"fraud": {step: p}},
		Identity: map[string]string{"fraud": step},
		Announce: func(_ context.Context, ev triggers.Event) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.announced = append(h.announced, ev.Version)
			return nil
		},
		Holds:  func(string) []rules.Decision { h.mu.Lock(); defer h.mu.Unlock(); return slices.Clone(h.held) },
		Switch: func() string { h.mu.Lock(); defer h.mu.Unlock(); return h.frozen },
		Fuse:   incident.Rate{N: 5, Per: 10 * time.Minute}, Incarnation: "test", Writer: "test", Logger: zerolog.Nop(),
	})
	return h
}

func (h *house) start() {
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	go func() { h.done <- h.Run(ctx) }()
	synctest.Wait()
}

func (h *house) close(t *testing.T) {
	t.Helper()
	h.stop()
	if err := <-h.done; err != nil {
		t.Error(err)
	}
}

// releases lets v41 be good for two hours and v42 go live.
func (h *house) releases(t *testing.T) {
	t.Helper()
	h.submit(t, incident.Released{Version: "v41", At: time.Now(), Known: -1})
	time.Sleep(2 * time.Hour)
	h.place.mu.Lock()
	h.place.live = "v42"
	h.place.mu.Unlock()
	h.submit(t, incident.Released{Version: "v42", Previous: "v41", At: time.Now(), Known: 1})
}

func (h *house) submit(t *testing.T, in incident.Input) incident.Outcome {
	t.Helper()
	out, err := h.Submit(t.Context(), "fraud", in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

func (h *house) state(t *testing.T) incident.Target {
	t.Helper()
	synctest.Wait()
	s, err := h.Target(t.Context(), "fraud")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *house) want(t *testing.T, state incident.State) {
	t.Helper()
	if inc := h.state(t).Incident; inc == nil || inc.State != state {
		t.Fatalf("incident is %+v, want it %s", inc, state)
	}
}

func decision(id string) rules.Decision {
	return rules.Decision{
		ID: id, At: time.Now(), Episode: time.Now(), Rule: "blocks", Trigger: "performance_degradation", Severity: "critical",
		Mode: rules.Auto, Target: "fraud", Version: "v42", Previous: "v41", Confirmed: true,
		Evidence: rules.Evidence{Reason: "40 % of 100 against 0.5 % of 2,000", Newest: time.Now()},
	}
}

func recovery(still rules.Truth) incident.Recover {
	return incident.Recover{Recovery: rules.Recovery{
		At: time.Now(), Rule: "blocks", Target: "fraud", Bad: "v42", Version: "v41", Still: still, Reason: "0 % of 50",
	}}
}

func TestADecisionIsTakenBackAndVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(journal.NewMemory(), &place{live: "v41"})
		h.start()
		defer h.close(t)
		h.releases(t)
		h.submit(t, incident.Decide{Decision: decision("d1")})
		h.want(t, incident.Verifying)
		if live, moves := h.place.seen(); live != "v41" || moves != 1 {
			t.Fatalf("the place is at %s after %d moves, want v41 after 1", live, moves)
		}
		if !slices.Equal(h.announced, []string{"v41"}) {
			t.Errorf("announced %v, want v41 once", h.announced)
		}
		h.submit(t, recovery(rules.False))
		time.Sleep(11 * time.Second)
		h.submit(t, recovery(rules.False))
		h.want(t, incident.Recovered)
		h.submit(t, incident.Decide{Decision: decision("d1")})
		if s := h.state(t); s.Opened != 1 {
			t.Errorf("a decision that came again opened incident %d", s.Opened)
		}
		verified(t, h.journal)
	})
}

// A process that dies after its call and before its record finds out by looking,
// and does not call again.
func TestARestartVerifiesBeforeAnythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, p := journal.NewMemory(), &place{live: "v41"}
		gate := make(chan struct{})
		p.execute = func(ctx context.Context, p *place, s actions.Step) error {
			err := p.move(s)
			select {
			case <-gate: // the process is dead by now: nobody hears the answer
			case <-ctx.Done():
			}
			return err
		}
		h := build(j, p)
		h.start()
		h.releases(t)
		h.submit(t, incident.Decide{Decision: decision("d1")})
		h.want(t, incident.Executing)
		dead := h
		heir := build(j, p)
		heir.start()
		defer heir.close(t)
		heir.want(t, incident.Verifying)
		if live, moves := p.seen(); live != "v41" || moves != 1 {
			t.Errorf("the place is at %s after %d moves, want v41 after 1", live, moves)
		}
		close(gate)
		dead.close(t)
		verified(t, j)
	})
}

func TestAnEngagedSwitchStopsTheCallAfterTheIntent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(journal.NewMemory(), &place{live: "v41"})
		h.start()
		defer h.close(t)
		h.releases(t)
		h.mu.Lock()
		h.frozen = "frozen by hand"
		h.held = []rules.Decision{decision("d1")}
		h.mu.Unlock()
		out := h.submit(t, incident.Decide{Decision: decision("d1")})
		if s := h.state(t); s.Incident != nil || len(s.Decided) != 1 || s.Decided[0].Guard != "freeze" {
			t.Fatalf("state %+v after %v, want the decision held by the freeze", s.Decided, out.Entries)
		}
		h.mu.Lock()
		h.frozen = ""
		h.mu.Unlock()
		time.Sleep(61 * time.Second)
		h.want(t, incident.Verifying)
	})
}

// While the journal is away nothing begins; what a running call did is held and
// written when the journal is back.
func TestAResultIsHeldWhileTheJournalIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, p := journal.NewMemory(), &place{live: "v41"}
		h := build(j, p)
		p.execute = func(_ context.Context, p *place, s actions.Step) error {
			err := p.move(s)
			j.FailAppend(journal.ErrUnavailable, false)
			j.FailAppend(journal.ErrUnavailable, true)
			return err
		}
		h.start()
		defer h.close(t)
		h.releases(t)
		h.submit(t, incident.Decide{Decision: decision("d1")})
		time.Sleep(5 * time.Second)
		h.want(t, incident.Verifying)
		if _, moves := p.seen(); moves != 1 {
			t.Errorf("%d moves, want 1", moves)
		}
		verified(t, j)
	})
}

func TestOfTwoApprovalsOneWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(journal.NewMemory(), &place{live: "v41"})
		h.start()
		defer h.close(t)
		h.releases(t)
		d := decision("d1")
		d.Mode = rules.Approve
		h.submit(t, incident.Decide{Decision: d})
		h.want(t, incident.AwaitingApproval)
		inc := h.state(t).Incident
		yes := incident.Approve{Incident: inc.ID, Digest: inc.Plan.Digest, Revision: inc.Revision, By: incident.Person{Name: "ana", Via: "slack"}}
		h.submit(t, yes)
		_, err := h.Submit(t.Context(), "fraud", yes)
		var refused *incident.Refused
		if !errors.As(err, &refused) || refused.Code != incident.Conflict {
			t.Errorf("the second click got %v, want a conflict that names the winner", err)
		}
		h.want(t, incident.Verifying)
		if _, moves := h.place.seen(); moves != 1 {
			t.Errorf("%d moves, want 1", moves)
		}
	})
}

// Two engines over one journal: the compare-and-set decides, and both go on from
// what stands there.
func TestTwoEnginesShareAJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.NewMemory()
		one, two := build(j, &place{live: "v41"}), build(j, &place{live: "v41"})
		one.start()
		defer one.close(t)
		two.start()
		defer two.close(t)
		for i, h := range []*house{one, two, one, two} {
			h.submit(t, incident.SetFreeze{By: incident.Person{Name: "ana"}, Reason: "look", Until: time.Now().Add(time.Duration(i+1) * time.Hour)})
		}
		verified(t, j)
	})
}

// verified holds the journal's chain, and that every record's state can be read.
func verified(t *testing.T, j *journal.Memory) {
	t.Helper()
	report, err := journal.Verify(t.Context(), j)
	if err != nil || report.Break != nil {
		t.Errorf("journal: %+v, %v", report, err)
	}
	err = j.Read(t.Context(), "fraud", 0, func(s journal.Stored) error {
		var state incident.Target
		return json.Unmarshal(s.Record.State, &state)
	})
	if err != nil {
		t.Error(err)
	}
}
