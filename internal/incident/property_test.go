package incident

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/rules"
)

// Random days of a target keep the invariants: people, rules, actions, crashes
// and the clock in any order, against a world that remembers every write.
func TestRandomDaysKeepTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(10, 120).Draw(t, "events") {
			w.event()
		}
		w.heal()
	})
}

// world is the oracle: the places, what was asked of them, and what they did.
type world struct {
	t       *rapid.T
	policy  Policy
	target  Target
	now     time.Time
	class   actions.Class
	places  map[string]string // revision at each step's place
	pending []Effect
	writes  []write
	calls   map[string]int // by key, since the last retry
	denied  map[string]bool
	lifted  bool
	version int
}

// write is one effective mutation of a place.
type write struct{ key, step, from, to string }

func newWorld(t *rapid.T) *world {
	s := newStory()
	p := s.policy
	p.Quorum = rapid.IntRange(1, 2).Draw(t, "quorum")
	p.Mode = rapid.SampledFrom([]rules.Mode{rules.Approve, rules.Veto, rules.Auto, rules.Auto}).Draw(t, "mode")
	p.Guards.Cooldown = rapid.SampledFrom([]time.Duration{0, 30 * time.Minute}).Draw(t, "cooldown")
	p.Guards.KnownGoodAfter = rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "known good after")
	p.Guards.PerTarget.N = rapid.SampledFrom([]int{0, 2}).Draw(t, "budget")
	p.Stages = p.Stages[rapid.IntRange(0, 1).Draw(t, "first stage"):]
	w := &world{
		t: t, policy: p, target: s.target, now: s.now, version: 2, calls: map[string]int{}, denied: map[string]bool{},
		class: rapid.SampledFrom([]actions.Class{actions.ClassA, actions.ClassB, actions.ClassC}).Draw(t, "class"), places: map[string]string{},
	}
	for i := range 3 {
		w.deploy(fmt.Sprintf("v%d", i))
		w.step(Released{Version: fmt.Sprintf("v%d", i), At: w.now, Known: 1})
		w.now = w.now.Add(2 * time.Hour)
	}
	return w
}

// deploy is somebody else's write to all places.
func (w *world) deploy(version string) {
	for _, stage := range w.policy.Stages {
		for _, step := range stage.Steps {
			w.places[step.ID] = version
		}
	}
}

func (w *world) pick(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(w.t, label)
}

func (w *world) event() {
	if len(w.pending) > 0 && rapid.IntRange(0, 2).Draw(w.t, "work first") > 0 {
		w.effect(false)
		return
	}
	switch w.pick("event", "rule", "rule", "rule", "recover", "person", "person", "clock", "clock", "release", "switch", "crash") {
	case "rule":
		w.rule()
	case "recover":
		w.recover()
	case "person":
		w.person()
	case "clock":
		w.clock()
	case "release":
		w.release()
	case "switch":
		w.flip()
	case "crash":
		w.pending = nil
		w.step(Restarted{Same: rapid.Bool().Draw(w.t, "same")})
	}
}

func (w *world) aVersion() string {
	return fmt.Sprintf("v%d", rapid.IntRange(max(0, w.version-3), w.version).Draw(w.t, "version"))
}

func (w *world) rule() {
	rule, version := w.pick("rule", "blocks", "errors"), w.aVersion()
	if cur := w.target.Current(); rapid.IntRange(0, 7).Draw(w.t, "live") > 0 {
		version = cur.Version
	}
	if w.pick("kind", "fires", "fires", "resolves") == "resolves" {
		w.step(Resolve{Verdict: rules.Verdict{At: w.now, Rule: rule, Target: "fraud", Version: version, State: rules.Resolved, Reason: "better"}})
		return
	}
	mode := rapid.SampledFrom([]rules.Mode{rules.Observe, rules.Approve, rules.Veto, rules.Auto, rules.Auto}).Draw(w.t, "rule mode")
	w.step(Decide{Decision: rules.Decision{
		ID: rule + "/" + version + "/" + w.pick("episode", "1", "2"), At: w.now, Rule: rule, Mode: mode, Target: "fraud", Version: version,
		Confirmed: rapid.IntRange(0, 3).Draw(w.t, "confirmed") > 0, Evidence: rules.Evidence{Reason: "worse", Newest: w.now},
	}})
}

func (w *world) recover() {
	if inc := w.target.Incident; inc != nil {
		still := rapid.SampledFrom([]rules.Truth{rules.False, rules.False, rules.Unknown, rules.True}).Draw(w.t, "still")
		w.step(Recover{Recovery: rules.Recovery{At: w.now, Rule: w.pick("rule", "blocks", "errors"), Target: "fraud", Version: inc.To, Still: still, Reason: "as it is"}})
	}
}

// effect performs one of the effects that are pending, or loses it.
func (w *world) effect(well bool) {
	if len(w.pending) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.pending)-1).Draw(w.t, "which")
	effect := w.pending[i]
	w.pending = slices.Delete(w.pending, i, i+1)
	switch e := effect.(type) {
	case MakePlan:
		if !well && w.pick("plan", "made", "made", "fails") == "fails" {
			w.step(PlanFailed{Code: actions.Code(w.pick("code", "retry", "denied")), Text: "not now"})
			return
		}
		w.step(PlanMade{Plan: w.plan(e)})
	case Execute:
		w.execute(e, well)
	case Check:
		w.check(e, well)
	case Announce:
		w.step(Released{Version: e.Version, Previous: e.Previous, At: w.now, Actor: ripcord, Known: -1})
	case Reconsider:
	}
}

func (w *world) plan(e MakePlan) actions.Plan {
	stage := w.policy.Stages[e.Stage]
	p := actions.Plan{Target: "fraud", Incident: e.Incident, Stage: stage.Name, From: e.From, To: e.To, Expires: w.now.Add(10 * time.Minute)}
	for _, ref := range stage.Steps {
		p.Steps = append(p.Steps, actions.Step{
			ID: ref.ID, Kind: ref.Kind, From: actions.Revision{Rev: w.places[ref.ID]}, To: actions.Revision{Rev: e.To}, Class: w.class,
		})
	}
	p.Seal()
	return p
}

// execute compares and sets, as an action does, and may lose the answer.
func (w *world) execute(e Execute, well bool) {
	step := e.Plan.Steps[e.Step]
	w.calls[e.Attempt.Key]++
	if w.class == actions.ClassC && w.calls[e.Attempt.Key] > 1 {
		w.t.Fatalf("class C: %s was called %d times", e.Attempt.Key, w.calls[e.Attempt.Key])
	}
	if w.denied[e.Incident] {
		w.t.Fatalf("%s was denied and acts", e.Incident)
	}
	fate := "works"
	if !well {
		fate = w.pick("fate", "works", "works", "works", "retry", "no answer", "lost before", "lost after", "refused")
	}
	failed := func(code actions.Code) {
		w.step(ExecuteFailed{Incident: e.Incident, Step: e.Step, Attempt: e.Attempt.N, Code: code, Text: fate})
	}
	switch fate {
	case "retry":
		w.calls[e.Attempt.Key]-- // nothing happened
		failed(actions.Retry)
		return
	case "refused":
		failed(actions.Permanent)
		return
	case "lost before":
		failed(actions.Unknown)
		return
	}
	if at := w.places[step.ID]; at != step.To.Rev {
		if at != step.From.Rev {
			failed(actions.Drift)
			return
		}
		w.write(e, step)
	}
	switch fate {
	case "lost after":
		failed(actions.Unknown)
	case "no answer":
	default:
		w.step(Executed{Incident: e.Incident, Step: e.Step, Attempt: e.Attempt.N})
	}
}

// write is I6, I7 and I8 from the oracle's side. A place that something else left
// where no release is (half of an act that failed) may be brought back there by
// a command; a version that was judged may not.
func (w *world) write(e Execute, step actions.Step) {
	next := write{key: e.Attempt.Key, step: step.ID, from: step.From.Rev, to: step.To.Rev}
	if next.to != e.Plan.To {
		w.t.Fatalf("%s goes to %s, its plan to %s", next.key, next.to, e.Plan.To)
	}
	w.places[step.ID] = next.to
	if next.from != e.Plan.From {
		return
	}
	for _, past := range w.writes {
		if !w.lifted && past.step == next.step && past.from == next.to && past.to == next.from {
			w.t.Fatalf("%s toggles: %s → %s after %s → %s", step.ID, next.from, next.to, past.from, past.to)
		}
	}
	w.writes = append(w.writes, next)
}

func (w *world) check(e Check, well bool) {
	if !well && w.pick("look", "sees", "sees", "sees", "fails") == "fails" {
		w.step(CheckFailed{Incident: e.Incident, Step: e.Step, Text: "no route"})
		return
	}
	step, verdict := e.Plan.Steps[e.Step], actions.Verdict{Place: actions.Elsewhere}
	switch at := w.places[step.ID]; {
	case at == step.To.Rev:
		verdict.Place = actions.AtTo
	case at == step.From.Rev:
		verdict.Place = actions.AtFrom
	}
	if !well && verdict.Place != actions.Elsewhere && w.pick("settled", "yes", "yes", "no") == "no" {
		verdict.Place = actions.Moving
	}
	w.now = w.now.Add(e.After)
	w.step(Checked{Incident: e.Incident, Step: e.Step, Verdict: verdict})
}

func (w *world) person() {
	inc := w.target.Incident
	by := Person{Name: w.pick("who", "ana", "ben", "mallory", "ci"), Via: "http"}
	by.Robot = by.Name == "ci"
	if w.pick("asks", "answer", "answer", "command") == "command" || inc == nil {
		w.step(Rollback{By: by, To: w.pick("to", "", w.aVersion()), Reason: "because"})
		return
	}
	digest := "sha256:other"
	if inc.Plan != nil && rapid.IntRange(0, 4).Draw(w.t, "true digest") > 0 {
		digest = inc.Plan.Digest
	}
	switch w.pick("answer", "approve", "approve", "approve", "deny", "close", "retry", "posted") {
	case "approve":
		w.step(Approve{Incident: inc.ID, By: by, Digest: digest, Revision: inc.Revision})
	case "deny":
		w.step(Deny{Incident: inc.ID, By: by, Digest: digest, Revision: inc.Revision})
		w.denied[inc.ID] = w.target.Incident.State == Denied
	case "close":
		w.step(Close{Incident: inc.ID, By: by, Reason: "enough"})
		w.denied[inc.ID] = w.target.Incident.State == Denied
	case "retry":
		w.step(Retry{Incident: inc.ID, By: by})
		if w.target.Incident.State == Open {
			w.calls = map[string]int{}
		}
	case "posted":
		w.step(Posted{Incident: inc.ID, Notifier: "slack", Post: Post{Channel: "C1", TS: "1", Revision: inc.Revision}})
	}
}

func (w *world) clock() {
	if due := w.target.Deadline(); !due.IsZero() && due.After(w.now) && rapid.Bool().Draw(w.t, "to the deadline") {
		w.now = due
	} else {
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 120).Draw(w.t, "seconds")) * time.Second)
	}
	w.step(Tick{})
}

func (w *world) release() {
	if w.pick("how", "announced", "seen") == "announced" {
		if w.version < 40 {
			w.version++
		}
		version := fmt.Sprintf("v%d", w.version)
		w.deploy(version)
		w.step(Released{Version: version, At: w.now, Actor: w.pick("actor", "", "ana", "dana"), Known: 1})
		return
	}
	step := w.policy.Stages[len(w.policy.Stages)-1].Steps[0].ID
	at := w.places[step]
	w.step(Looked{Step: step, Sight: actions.Sight{Live: actions.Seen{Version: at, Revision: actions.Revision{Rev: at}}}})
}

func (w *world) flip() {
	by := Person{Name: "ben"}
	switch w.pick("switch", "freeze", "unfreeze", "unfreeze", "quarantine", "lift") {
	case "freeze":
		w.step(SetFreeze{By: by, Until: w.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(w.t, "minutes")) * time.Minute), Reason: "friday"})
	case "unfreeze":
		w.step(Unfreeze{By: by})
	case "quarantine":
		w.step(Quarantine{By: by, Version: w.aVersion(), Reason: "bad"})
	case "lift":
		w.lifted = true
		w.step(Lift{By: by, Version: w.aVersion(), Reason: "good"})
	}
}

// step plays one input as the engine would, and holds the step against the
// invariants.
func (w *world) step(in Input) {
	in = WithWorld(in, World{Granted: w.policy.NeedsGrant(w.target, in)})
	before := w.target
	frozen := encode(w.t, before)
	out, err := w.policy.Step(before, in, w.now)
	if diff := cmp.Diff(frozen, encode(w.t, before)); diff != "" {
		w.t.Fatalf("%T has changed its argument:\n%s", in, diff)
	}
	var refused *Refused
	if err != nil && (!errors.As(err, &refused) || refused.Text == "" || refused.Code == "") {
		w.t.Fatalf("%T: %v", in, err)
	}
	if err := check(before, in, out); err != nil {
		w.t.Fatalf("%T at %s: %v", in, w.now, err)
	}
	if err := w.quorum(out); err != nil {
		w.t.Fatal(err)
	}
	due := before.Deadline()
	if _, tick := in.(Tick); tick && !due.IsZero() && !w.now.Before(due) && len(out.Entries) == 0 {
		w.t.Fatalf("the clock is due at %s and a tick at %s does nothing", due, w.now)
	}
	w.target = out.State
	w.pending = append(w.pending, out.Effects...)
	again, err2 := w.policy.Step(before, in, w.now)
	if diff := cmp.Diff(out, again); diff != "" || (err == nil) != (err2 == nil) {
		w.t.Fatalf("%T gives two answers:\n%s", in, diff)
	}
}

// quorum (I17): enough different people, none of them a robot.
func (w *world) quorum(out Outcome) error {
	inc := out.State.Incident
	if !slices.ContainsFunc(out.Effects, begins) || inc.Mode >= rules.Veto && inc.confirmed() != nil {
		return nil
	}
	names := map[string]bool{}
	for _, a := range inc.Approvals {
		if a.Digest == inc.Plan.Digest && !a.Deny && !a.By.Robot && w.policy.may(a.By) {
			names[a.By.Name] = true
		}
	}
	if len(names) < w.policy.Quorum {
		return fmt.Errorf("%s acts with %d of %d yeses", inc.ID, len(names), w.policy.Quorum)
	}
	return nil
}

// heal lets the world behave: every incident then comes to an end (I5).
func (w *world) heal() {
	for range 200 {
		inc := w.target.Incident
		if inc == nil || inc.State.Terminal() {
			return
		}
		if len(w.pending) > 0 {
			w.effect(true)
			continue
		}
		w.now = later(w.now, w.target.Deadline())
		w.step(Tick{})
	}
	w.t.Fatalf("%s is %s for ever", w.target.Incident.ID, w.target.Incident.State)
}
