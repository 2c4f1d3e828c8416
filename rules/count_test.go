package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/triggers"
)

// Events of which none matches are zero, which is an answer; no events are none.
func TestCountOfNoMatchIsZeroAndOfSilenceUnknown(t *testing.T) {
	const file = `
signals:
  predictions: {type: prediction, fields: {decision: string}}
groups:
- name: g
  target: scorer
  rules:
  - rule: count
    trigger: error_rate
    if: count(predictions, decision == "block", "10s") >= 3
  - rule: rate
    trigger: error_rate
    if: rate(predictions, decision == "block", "10s") > 1
`
	set, problems := Load([]Source{{MaxMode: Auto, Files: []File{{Path: "f.yml", Data: []byte(file)}}}}, Options{Targets: []string{"scorer"}})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	e := NewEvaluator(set, Config{})
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	feed := func(n int, decision string) (out Output) {
		for range n {
			at = at.Add(500 * time.Millisecond)
			more := e.Feed(at, []triggers.Event{{
				ID: fmt.Sprint(at), Source: "t", Type: "prediction", Target: "scorer", Version: "v1", Time: at,
				Fields: triggers.MakeFields(map[string]any{"decision": decision}),
			}})
			out.Decisions = append(out.Decisions, more.Decisions...)
		}
		return out
	}
	truths := func() string {
		text := ""
		for _, v := range e.Snapshot("scorer") {
			text += fmt.Sprintf("%s %s %v;", v.Rule, v.Truth, v.Value.Value)
		}
		return text
	}
	feed(40, "approve")
	if got, want := truths(), "count FALSE 0;rate FALSE 0;"; got != want {
		t.Errorf("after good events the rules say %q, want %q", got, want)
	}
	if known := e.Known("scorer", "v1"); known < .9 {
		t.Errorf("%.2f of the evaluations were known, want nearly all", known)
	}
	if out := feed(6, "block"); len(out.Decisions) == 0 || out.Decisions[0].Rule != "count" || out.Decisions[0].Evidence.Slots[0].Value != 3 {
		t.Errorf("six blocks among many gave %+v, want the count to fire at three", out.Decisions)
	}
	e.Advance(at.Add(12 * time.Second))
	for _, v := range e.Snapshot("scorer") {
		if v.Truth != Unknown {
			t.Errorf("%s says %s of an empty window, want UNKNOWN", v.Rule, v.Truth)
		}
	}
}
