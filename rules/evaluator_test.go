package rules

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/triggers"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// scene is an evaluator on one rule file and everything that it has said.
type scene struct {
	*Evaluator
	t   testing.TB
	out Output
	ids int
}

const signalsYAML = `
signals:
  predictions: {type: prediction, fields: {decision: string, latency_ms: number}}
  payments: {type: payment, fields: {amount: number}}
  alerts: {type: alert, fields: {alertname: string}}
groups:
- name: g
  target: scorer
  interval: 1s
  rules:
`

func sceneSet(t testing.TB, yaml string) *Set {
	t.Helper()
	set, problems := Load([]Source{{Team: "x", MaxMode: Auto, Files: []File{{Path: "x.rules.yml", Data: []byte(signalsYAML + yaml)}}}}, Options{Targets: []string{"scorer"}})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

func newScene(t testing.TB, yaml string) *scene {
	t.Helper()
	return &scene{Evaluator: NewEvaluator(sceneSet(t, yaml), Config{}), t: t}
}

func (s *scene) feed(at time.Duration, events ...triggers.Event) {
	for i := range events {
		s.ids++
		events[i].Source, events[i].Target = "test", "scorer"
		if events[i].ID == "" {
			events[i].ID = fmt.Sprint(s.ids)
		}
		if events[i].Time.IsZero() {
			events[i].Time = noon.Add(at)
		}
	}
	s.take(s.Feed(noon.Add(at), events))
}

func (s *scene) advance(at time.Duration) { s.take(s.Advance(noon.Add(at))) }

func (s *scene) take(out Output) {
	s.out.Verdicts = append(s.out.Verdicts, out.Verdicts...)
	s.out.Decisions = append(s.out.Decisions, out.Decisions...)
	s.out.Recoveries = append(s.out.Recoveries, out.Recoveries...)
}

// said is the verdicts as "at rule version state", at counted from noon.
func (s *scene) said() []string {
	var out []string
	for _, v := range s.out.Verdicts {
		out = append(out, fmt.Sprintf("%v %s %s %s", v.At.Sub(noon), v.Rule, v.Version, v.State))
	}
	return out
}

func (s *scene) want(want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.said()); diff != "" {
		for _, v := range s.out.Verdicts {
			s.t.Log(v.At.Sub(noon), v.Rule, v.State, v.Reason)
		}
		s.t.Fatalf("verdicts (-want +got):\n%s", diff)
	}
}

func prediction(version, decision string) triggers.Event {
	return triggers.Event{Type: "prediction", Version: version, Fields: triggers.MakeFields(map[string]any{"decision": decision, "latency_ms": 40})}
}

func payment(version string, amount float64) triggers.Event {
	return triggers.Event{Type: "payment", Version: version, Fields: triggers.MakeFields(map[string]any{"amount": amount})}
}

func releaseOf(version, previous string, more ...string) triggers.Event {
	m := map[string]any{"previous": previous, "actor": "ana"}
	if len(more) > 0 {
		m["quarantined"] = more[0]
	}
	return triggers.Event{Type: triggers.TypeRelease, Version: version, Fields: triggers.MakeFields(m)}
}

const fraudRule = `
  - rule: blocks
    trigger: performance_degradation
    if: 'seq_share(predictions, decision == "block", {margin: 1.5})'
    min_samples: 50
    mode: auto
    values: {blocked: 'share(predictions, decision == "block", "1m")'}
    annotations: {summary: "{{ .Target }} {{ .Version }} blocks {{ percent .Values.blocked }}"}
`

// traffic draws predictions at 50/s from..to, share of them to a, whose bad share
// is badA; the rest go to b with badB.
func (s *scene) traffic(random *rand.Rand, from, to time.Duration, a string, share, badA float64, b string, badB float64) {
	for at := from; at < to; at += 20 * time.Millisecond {
		version, bad := b, badB
		if random.Float64() < share {
			version, bad = a, badA
		}
		decision := "approve"
		if random.Float64() < bad {
			decision = "block"
		}
		s.feed(at, prediction(version, decision))
	}
}

// TestTheFraudStory: v41 blocks .5 %; v42 gets 90 % of the traffic and blocks 40 %
// of it; people take it back.
func TestTheFraudStory(t *testing.T) {
	s, random := newScene(t, fraudRule), rand.New(rand.NewPCG(4, 2))
	s.feed(0, releaseOf("v41", "v40"))
	s.traffic(random, time.Millisecond, 2*time.Minute, "v41", 1, .005, "", 0)
	if len(s.out.Decisions) > 0 {
		t.Fatalf("a healthy version fired: %v", s.out.Decisions)
	}
	s.feed(2*time.Minute, releaseOf("v42", "v41"))
	s.traffic(random, 2*time.Minute+time.Millisecond, 3*time.Minute, "v42", .9, .4, "v41", .005)
	if len(s.out.Decisions) != 2 {
		t.Fatalf("%d decisions, want the first and its confirmation: %v", len(s.out.Decisions), s.said())
	}
	first, second := s.out.Decisions[0], s.out.Decisions[1]
	if after := first.At.Sub(noon) - 2*time.Minute; after > 3*time.Second || first.Confirmed {
		t.Errorf("fired after %v, confirmed %v: %s", after, first.Confirmed, first.Confirmation)
	}
	if after := second.At.Sub(first.At); after > 15*time.Second || !second.Confirmed || second.ID != first.ID {
		t.Errorf("confirmed %v later: %v %s", after, second.Confirmed, second.Confirmation)
	}
	if first.Version != "v42" || first.Previous != "v41" || !strings.HasPrefix(first.Summary, "scorer v42 blocks ") {
		t.Errorf("decision %+v", first)
	}
	for text, want := range map[string]string{
		first.Evidence.Reason: `share of predictions with decision == "block" is `,
		first.Confirmation:    "holdback on v41 has not confirmed yet: ",
		second.Confirmation:   "holdback on v41 confirms: ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
	if got := s.Firing("scorer"); len(got) != 1 || got[0].ID != first.ID || !got[0].Confirmed {
		t.Errorf("what holds now: %v", got)
	}

	s.feed(3*time.Minute, releaseOf("v41", "v40", "v42"))
	s.traffic(random, 3*time.Minute+time.Millisecond, 4*time.Minute, "v41", 1, .005, "", 0)
	s.want("1s blocks v41 insufficient", "2m1s blocks v42 insufficient", first.At.Sub(noon).String()+" blocks v42 firing", "3m0s blocks v42 resolved", "3m1s blocks v41 insufficient")
	well := time.Duration(0)
	for _, r := range s.out.Recoveries {
		if r.Still == True {
			t.Errorf("still bad at %v: %s", r.At.Sub(noon), r.Reason)
		}
		if r.Still == False && well == 0 {
			well = r.At.Sub(noon) - 3*time.Minute
		}
	}
	if well == 0 || well > 5*time.Second {
		t.Errorf("recovered after %v: %v", well, s.out.Recoveries)
	}
	if got := len(s.Firing("scorer")); got != 0 {
		t.Errorf("%d decisions hold after the rollback", got)
	}
}
