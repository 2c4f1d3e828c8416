//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/journal/natsjournal"
	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers"
)

// evaluator has n rules for one target, of which only the first reads
// predictions; the others read payments.
func evaluator(t testing.TB, n int) *rules.Evaluator {
	t.Helper()
	const perFile = 100
	var files []rules.File
	for i := 0; i < n; i += perFile {
		var b strings.Builder
		fmt.Fprintf(&b, "signals:\n  predictions: {type: prediction, fields: {decision: string, latency_ms: number}}\n  payments: {type: payment, fields: {amount: number}}\ngroups:\n- name: g%d\n  target: t00\n  interval: 1s\n  rules:\n", i)
		for j := i; j < min(n, i+perFile); j++ {
			condition := `share(predictions, decision == "block", "1m") > 0.5`
			if j > 0 {
				condition = fmt.Sprintf(`share(payments, amount > %d, "1m") > 0.5`, j)
			}
			fmt.Fprintf(&b, "  - rule: r%d\n    trigger: error_rate\n    if: |\n      %s\n    annotations: {summary: s}\n", j, condition)
		}
		files = append(files, rules.File{Path: fmt.Sprintf("f%d.rules.yml", i), Data: []byte(b.String())})
	}
	set, problems := rules.Load([]rules.Source{{Team: "x", MaxMode: rules.Auto, Files: files}}, rules.Options{Targets: []string{"t00"}})
	check(t, problems.Err())
	return rules.NewEvaluator(set, rules.Config{})
}

func TestApply(t *testing.T) {
	sizes := []int{1, 100, 10_000}
	var all []*rules.Evaluator
	for _, n := range sizes {
		all = append(all, evaluator(t, n))
	}
	const batch, batches, often = 100, 200, 15
	at, id := time.Now(), 0
	times := make([][]float64, len(sizes))
	for round := range often + 1 {
		var feed [][]triggers.Event
		for range batches {
			var events []triggers.Event
			for range batch {
				id++
				got, bad := triggers.Decode(triggers.Message{Type: "prediction", Target: "t00", Stored: at, Body: event(int64(id))}, nil)
				if len(bad) > 0 {
					t.Fatal(bad[0].Reason)
				}
				events = append(events, got...)
			}
			feed = append(feed, events)
		}
		for k := range sizes {
			i := (k + round) % len(sizes) // no size always runs on the warm cache
			began := time.Now()
			for _, events := range feed {
				all[i].Apply(at, events)
			}
			if round > 0 { // the first makes the windows
				times[i] = append(times[i], float64(time.Since(began).Nanoseconds())/batch/batches)
			}
		}
		at = at.Add(100 * time.Millisecond)
	}
	one := median(append([]float64(nil), times[0]...))
	for i, n := range sizes[1:] {
		var ratios []float64
		for r := range often {
			ratios = append(ratios, times[i+1][r]/times[0][r])
		}
		add(row{
			fmt.Sprintf("Evaluator.Apply, %s rules of which one reads the event", thousands(float64(n))), fmt.Sprintf("1 rule %.0f ns/event", one),
			fmt.Sprintf("%.0f ns/event", median(append([]float64(nil), times[i+1]...))), spread("%.2f", ratios), "≤ 1.2 ×", median(ratios) <= 1.2,
		})
	}
}

func TestDecode(t *testing.T) {
	body := event(1)
	m := triggers.Message{Type: "prediction", Target: "t00", Stored: time.Now(), Body: body}
	const n = 100_000
	var ours, theirs, ratios []float64
	per := func(do func()) float64 { return 1e9 / each(n, 1, do) }
	for range rounds {
		ours = append(ours, per(func() {
			if events, _ := triggers.Decode(m, nil); len(events) != 1 {
				t.Fatal("not decoded")
			}
		}))
		theirs = append(theirs, per(func() {
			var ev map[string]any
			check(t, json.Unmarshal(body, &ev))
		}))
		last := len(ours) - 1
		ratios = append(ratios, theirs[last]/ours[last])
	}
	add(row{
		"decode a CloudEvent to an Event", fmt.Sprintf("encoding/json to a map %.0f ns", median(theirs)), fmt.Sprintf("%.0f ns", median(ours)),
		"1/" + spread("%.1f", ratios), "≥ 10 × as fast", median(ratios) >= 10,
	})
}

func TestJournalAppend(t *testing.T) {
	c, err := cluster.Open(bg, cluster.Config{Dir: t.TempDir()})
	check(t, err)
	t.Cleanup(c.Close)
	j, err := natsjournal.Open(bg, c.JetStream(), natsjournal.Config{})
	check(t, err)
	head, n := journal.Head{}, 300
	state, _ := json.Marshal(strings.Repeat("x", 2<<10))
	record := journal.Record{Target: "t00", At: time.Now().UTC(), Writer: "bench", Entries: json.RawMessage(`[]`), State: state}
	plain := []byte(strings.Repeat("x", 2<<10+300))
	var ours, theirs, ratios []float64
	for range rounds {
		theirs = append(theirs, each(n, 1, func() {
			_, err := c.JetStream().Publish(bg, "ripcord.events.prediction.t00", plain)
			check(t, err)
		}))
		ours = append(ours, each(n, 1, func() {
			var err error
			head, err = j.Append(bg, head, record)
			check(t, err)
		}))
		last := len(ours) - 1
		ratios = append(ratios, theirs[last]/ours[last])
	}
	add(row{
		"journal append, 2 KiB of state, by compare-and-set", fmt.Sprintf("publish %.2f ms", 1000/median(theirs)),
		fmt.Sprintf("%.2f ms", 1000/median(ours)), spread("%.2f", ratios), "—", true,
	})
}
