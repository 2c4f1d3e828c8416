package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers"
)

const blocksRule = `
signals:
  predictions: {type: prediction, fields: {decision: string}}
groups:
- name: g
  target: fraud
  rules:
  - rule: blocks
    trigger: performance_degradation
    if: |
      seq_share(predictions, decision == "block", {margin: 1.5})
    mode: auto
`

func evaluator(t *testing.T) *rules.Evaluator {
	t.Helper()
	set, problems := rules.Load([]rules.Source{{
		MaxMode: rules.Auto, Files: []rules.File{{Path: "fraud.rules.yml", Data: []byte(blocksRule)}},
	}}, rules.Options{Targets: []string{"fraud"}})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return rules.NewEvaluator(set, rules.Config{})
}

func prediction(id int, version, decision string) triggers.Event {
	return triggers.Event{
		ID: version + decision + time.Now().String(), Source: "test", Type: "prediction", Target: "fraud", Version: version,
		Time: time.Now(), Fields: triggers.MakeFields(map[string]any{"decision": decision, "n": float64(id)}),
	}
}

// The release of the version that serves may be older than the log that is read
// at start: the ledger knows it, and the holdback is not taken for a new release.
func TestReleasesBeforeTheLogComeFromTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(journal.NewMemory(), &place{live: "v41"})
		h.start()
		defer h.close(t)
		h.releases(t)
		time.Sleep(48 * time.Hour)
		w := NewWorker(h.Engine, evaluator(t))
		for i, version := range []string{"v42", "v41", "v42"} {
			time.Sleep(time.Second)
			if err := w.Handle(t.Context(), time.Now(), []triggers.Event{prediction(i, version, "approve")}, true); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		if err := w.Handle(t.Context(), time.Now(), nil, true); err != nil {
			t.Fatal(err)
		}
		if views := w.Snapshot("fraud"); len(views) != 1 || views[0].Version != "v42" {
			t.Errorf("the rules judge %+v, want v42", views)
		}
	})
}

// A bad release goes from the log to the act through the worker, and what was
// replayed does nothing but fill windows.
func TestTheWorkerBringsDecisionsAndReplaysWithoutEffects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(journal.NewMemory(), &place{live: "v41"})
		h.start()
		defer h.close(t)
		h.releases(t)
		w := NewWorker(h.Engine, evaluator(t))
		feed := func(n int, version, decision string, replay bool) {
			for i := range n {
				time.Sleep(20 * time.Millisecond)
				if err := w.Handle(t.Context(), time.Now(), []triggers.Event{prediction(i, version, decision)}, replay); err != nil {
					t.Fatal(err)
				}
			}
		}
		feed(500, "v41", "approve", true)
		feed(100, "v42", "block", true)
		if s := h.state(t); s.Incident != nil {
			t.Fatalf("a replay opened %s", s.Incident.ID)
		}
		for range 100 {
			feed(1, "v42", "block", false)
			feed(1, "v41", "approve", false)
		}
		h.want(t, incident.Verifying)
		if live, moves := h.place.seen(); live != "v41" || moves != 1 {
			t.Errorf("the place is at %s after %d moves, want v41 after 1", live, moves)
		}
	})
}
