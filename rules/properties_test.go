package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ripcord-dev/ripcord/triggers"
)

// scripted is a condition that says what the test says.
type scripted struct{ truth *Truth }

func (s scripted) eval(*frame) Truth { return *s.truth }
func (s scripted) walk(func(leaf))   {}

// TestTheClocksOfARuleAgainstTheirTwin scripts a rule's truth at each boundary and
// holds its states to a twin that looks at the whole history each time.
func TestTheClocksOfARuleAgainstTheirTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const second = int64(time.Second)
		truth := Unknown
		r := &Rule{
			Name: "r", Interval: time.Second, cond: scripted{&truth},
			For:        time.Duration(rapid.IntRange(0, 5).Draw(t, "for")) * time.Second,
			KeepFiring: time.Duration(rapid.IntRange(0, 5).Draw(t, "keep")) * time.Second,
		}
		state := newTarget("t", newLayout(&program{rules: []*Rule{r}}), second)
		var out Output
		state.out = &out
		var history []Truth
		for i := 1; len(history) < 120; i++ {
			truth = Truth(rapid.IntRange(-1, 1).Draw(t, "truth"))
			for range rapid.IntRange(1, 40).Draw(t, "times") {
				history = append(history, truth)
				state.look(0, int64(len(history))*second, true)
				want := twinState(history, int(r.For/time.Second), int(r.KeepFiring/time.Second))
				if got := state.rules[0].state; got != want {
					t.Fatalf("after %v: %s, want %s", history, got, want)
				}
			}
		}
	})
}

// twinState is what a rule says after a history of truths, one a second.
func twinState(history []Truth, hold, keep int) State {
	const patience = 30
	state := Inactive
	start := 0 // of the episode
	for i := range history {
		switch state {
		case Inactive:
			if history[i] == True {
				state, start = Pending, i
			}
		case Pending:
			if history[i] == False || history[i] == Unknown && runBefore(history, i, Unknown) >= patience {
				state = Inactive
			}
		case Firing:
			if history[i] == False && runBefore(history, i, False) >= keep {
				state = Inactive
			}
		case Resolved, Insufficient, Stale: // the twin is never in these
		}
		if state == Pending && history[i] == True && trueTime(history[start:i+1]) >= hold {
			state = Firing
		}
	}
	return state
}

// runBefore is for how long history has been what it is at i.
func runBefore(history []Truth, i int, truth Truth) int {
	n := 0
	for i-n-1 >= 0 && history[i-n-1] == truth {
		n++
	}
	return n
}

// trueTime is the seconds from the first entry to the last that began as TRUE.
func trueTime(history []Truth) int {
	n := 0
	for _, truth := range history[:len(history)-1] {
		if truth == True {
			n++
		}
	}
	return n
}

const manyRules = fraudRule + alertRule + `
  - rule: watch
    trigger: error_rate
    if: 'seq_share(predictions, decision == "block", {margin: 1.25, mode: "watch", tick: "5s"})'
    for: 3s
    keep_firing_for: 7s
  - rule: slow
    trigger: latency_spike
    if: 'p90(predictions, latency_ms, "30s") > 1.5 * previous(p90(predictions, latency_ms, "30s"))'
    for: 2s
  - rule: volume
    trigger: business_metric_drop
    if: 'sum(payments, amount, "20s") < 100 and count(payments, "1m") > 3'
    for: 5s
  - rule: peak
    trigger: business_metric_drop
    if: 'max(payments, amount, "30s") - min(payments, amount, "30s") > 90 or rate(predictions, decision == "block", "10s") > 1'
    keep_firing_for: 2s
- name: slowly
  target: scorer
  interval: 7s
  rules:
  - rule: share
    trigger: error_rate
    if: 'share(predictions, decision == "block", "1m") > 0.3 and not firing(alerts, alertname == "Other")'
    for: 10s
`

// message is one message of a random log.
type message struct {
	at     time.Time
	events []triggers.Event
}

// randomLog is a log with releases, alerts, silences and late events in it.
func randomLog(random *rand.Rand, n int) []message {
	var log []message
	at, bad, current, previous := noon, .05, "v1", "v0"
	for i := range n {
		switch p := random.Float64(); {
		case p < .004:
			at = at.Add(time.Duration(random.IntN(180)) * time.Second)
		case p < .01:
			bad = random.Float64() * .6
		}
		at = at.Add(time.Duration(random.IntN(400)) * time.Millisecond)
		ev := randomEvent(random, current, previous, bad)
		ev.ID, ev.Source, ev.Target = fmt.Sprint(i), "test", "scorer"
		ev.Time = at.Add(-time.Duration(random.ExpFloat64() * float64(time.Second)))
		if ev.Type == triggers.TypeRelease {
			current, previous = ev.Version, ev.Fields.Text("previous")
		}
		log = append(log, message{at, []triggers.Event{ev}})
	}
	return log
}

func randomEvent(random *rand.Rand, current, previous string, bad float64) triggers.Event {
	version := current
	if random.Float64() < .3 {
		version = previous
	}
	switch p := random.Float64(); {
	case p < .005:
		return releaseOf(fmt.Sprint("v", random.IntN(4)), current)
	case p < .015:
		name := []string{"HighErrorRate", "Other"}[random.IntN(2)]
		return triggers.Event{Type: triggers.TypeAlert, Fields: triggers.MakeFields(map[string]any{
			"alertname": name, "fingerprint": name, "status": []string{"firing", "resolved"}[random.IntN(2)],
		})}
	case p < .3:
		return payment(version, float64(random.IntN(100)))
	}
	decision := "approve"
	if random.Float64() < bad {
		decision = "block"
	}
	return triggers.Event{Type: "prediction", Version: version, Fields: triggers.MakeFields(map[string]any{
		"decision": decision, "latency_ms": 20 + bad*300*random.Float64(),
	})}
}

func play(t testing.TB, log []message, before func(e *Evaluator, at time.Time) Output) Output {
	s := newScene(t, manyRules)
	for _, m := range log {
		if before != nil {
			s.take(before(s.Evaluator, m.at))
		}
		s.take(s.Feed(m.at, m.events))
	}
	return s.out
}

// TestSkippedBoundariesChangeNothing: evaluating every rule at every boundary says
// the same as evaluating only where something can change.
func TestSkippedBoundariesChangeNothing(t *testing.T) {
	fired := 0
	for seed := range uint64(6) {
		log := randomLog(rand.New(rand.NewPCG(seed, 7)), 3000)
		eager := play(t, log, func(e *Evaluator, at time.Time) Output {
			var out Output
			if len(e.targets) == 0 {
				return out
			}
			for b := moment(boundary(e.now+1, int64(time.Second))); !b.After(at); b = b.Add(time.Second) {
				for _, target := range e.targets {
					target.wakeAll(b.UnixNano() - 1)
					e.enqueue(target)
				}
				more := e.Advance(b)
				out.Verdicts = append(out.Verdicts, more.Verdicts...)
				out.Decisions = append(out.Decisions, more.Decisions...)
				out.Recoveries = append(out.Recoveries, more.Recoveries...)
			}
			return out
		})
		lazy := play(t, log, nil)
		if diff := cmp.Diff(eager, lazy); diff != "" {
			t.Fatalf("seed %d (-every boundary +only due ones):\n%s", seed, diff)
		}
		fired += len(lazy.Decisions)
	}
	if fired < 20 {
		t.Errorf("only %d decisions: the logs test little", fired)
	}
}

// TestDuplicatesAndBatchesChangeNothing: one event of ten comes twice, and the
// events of a moment come in one message or in several.
func TestDuplicatesAndBatchesChangeNothing(t *testing.T) {
	for _, size := range []int{7, 500} {
		random := rand.New(rand.NewPCG(9, 7))
		single := randomLog(random, 3000)
		var batched, repeated []message
		for i := 0; i < len(single); i += size {
			at := single[i].at // stored together
			var together []triggers.Event
			for j := i; j < min(i+size, len(single)); j++ {
				single[j].at = at
				together = append(together, single[j].events...)
				repeated = append(repeated, single[j])
				if random.Float64() < .1 {
					repeated = append(repeated, single[max(0, j-random.IntN(20))])
					repeated[len(repeated)-1].at = at
				}
			}
			batched = append(batched, message{at, together})
		}
		want := play(t, single, nil)
		if diff := cmp.Diff(withoutInstant(want), withoutInstant(play(t, batched, nil))); diff != "" {
			t.Errorf("batches of %d:\n%s", size, diff)
		}
		if diff := cmp.Diff(want, play(t, repeated, nil)); diff != "" {
			t.Errorf("duplicates in batches of %d:\n%s", size, diff)
		}
	}
}

// withoutInstant leaves out the rules that read alerts: they are evaluated once a
// message, so they may see several alerts of one message at once.
func withoutInstant(out Output) []string {
	var all []string
	for _, d := range out.Decisions {
		if d.Rule != "errors" && d.Rule != "share" {
			all = append(all, d.ID+d.At.String()+d.Evidence.Reason)
		}
	}
	for _, v := range out.Verdicts {
		if v.Rule != "errors" && v.Rule != "share" {
			all = append(all, fmt.Sprint(v))
		}
	}
	return all
}

// TestSeenIsASetWithAMemory holds the identities to a map with times.
func TestSeenIsASetWithAMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const (
			keep = 80
			step = 6 // the longest pause between two events
			// A generation is closed, and one forgotten, by the first event after its
			// time: an id may live on for two generations and the pauses after them.
			longest = keep + 2*(keep/generations+step)
		)
		s := seen{keep: keep, most: 1 << 20}
		last, now := map[string]int64{}, int64(1)
		for range rapid.IntRange(1, 300).Draw(t, "n") {
			now += rapid.Int64Range(0, step).Draw(t, "step")
			id := fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "id"))
			known := s.add("s", id, now)
			at, before := last[id]
			switch {
			case known && !before, known && now-at > longest:
				t.Fatalf("%s at %d is known, last %d", id, now, at)
			case !known && before && now-at < keep:
				t.Fatalf("%s at %d is forgotten, last %d", id, now, at)
			}
			if !known {
				last[id] = now
			}
		}
	})
}

func TestSeenForgetsTheOldestWhenFull(t *testing.T) {
	s := seen{keep: 1 << 40, most: 1000}
	for i := range 5000 {
		if s.add("s", fmt.Sprint(i), int64(i)) {
			t.Fatalf("%d is known before it came", i)
		}
		if s.live > 1000 {
			t.Fatalf("%d ids are held", s.live)
		}
	}
	if s.lapsed < 4000 || s.lapsed > 4200 {
		t.Errorf("%d ids have lapsed", s.lapsed)
	}
	if !s.add("s", "4999", 5001) || s.add("s", "1", 5002) {
		t.Error("the newest is forgotten or the oldest known")
	}
}

// FuzzFeed feeds odd events at odd times; nothing may panic, and no number that
// leaves may be one that JSON can not write.
func FuzzFeed(f *testing.F) {
	f.Add(uint64(1), "v1", "prediction", []byte(`{"decision":"block","latency_ms":1e308}`), int64(0), int64(5))
	f.Add(uint64(2), "", "alert", []byte(`{"status":"resolved","startsAt":"x"}`), int64(-1<<62), int64(1<<62))
	f.Add(uint64(3), "v2", "release", []byte(`{"previous":"v2","quarantined":"v2"}`), int64(1), int64(-1))
	f.Add(uint64(4), "v2", "payment", []byte(`{"amount":-0.0}`), int64(1e18), int64(1e10))
	f.Fuzz(func(t *testing.T, seed uint64, version, typ string, data []byte, when, step int64) {
		fields, err := triggers.ParseFields(data)
		if err != nil {
			t.Skip("no fields")
		}
		s, random := newScene(t, manyRules), rand.New(rand.NewPCG(seed, 1))
		at := noon
		for i := range 40 {
			ev := randomEvent(random, "v1", version, .5)
			if i%2 == 0 {
				ev = triggers.Event{Type: typ, Version: version, Fields: fields}
			}
			ev.Target, ev.Time = "scorer", noon.Add(time.Duration(when)*time.Duration(random.IntN(3)))
			at = at.Add(time.Duration(step) % (10 * time.Minute))
			s.take(s.Feed(at, []triggers.Event{ev}))
		}
		s.take(s.Advance(at.Add(time.Hour)))
		s.Snapshot("scorer")
		for _, d := range s.out.Decisions {
			for _, r := range d.Evidence.Slots {
				for _, x := range []float64{r.Value, r.N, r.Previous, r.NPrev, r.Limit, r.Low, r.High, r.LogE, r.Need} {
					if math.IsNaN(x) || math.IsInf(x, 0) {
						t.Errorf("%s: %+v", d.Rule, r)
					}
				}
			}
			if strings.Contains(d.Evidence.Reason, "NaN") {
				t.Error(d.Evidence.Reason)
			}
		}
	})
}
