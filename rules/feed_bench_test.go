package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/triggers"
)

// oneReads is a target with n rules, of which one reads predictions; the others
// wait for types of their own.
func oneReads(b *testing.B, n int) *Evaluator {
	b.Helper()
	var y strings.Builder
	y.WriteString("signals:\n  predictions: {type: prediction, fields: {decision: string, latency_ms: number}}\n")
	for i := range (n + 99) / 100 {
		fmt.Fprintf(&y, "  other%d: {type: other%d, fields: {x: number}}\n", i, i)
	}
	y.WriteString("groups:\n- name: g\n  target: scorer\n  interval: 1s\n  rules:\n")
	y.WriteString("  - {rule: r, trigger: error_rate, if: 'share(predictions, decision == \"block\", \"1m\") > 0.5'}\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&y, "  - {rule: r%d, trigger: error_rate, if: 'avg(other%d, x + %d, \"1m\") > 3'}\n", i, i/100, i)
	}
	text := y.String()
	var files []File
	// A file may hold 256 KiB: the rules are spread over several.
	head, body, _ := strings.Cut(text, "  rules:\n")
	lines := strings.SplitAfter(body, "\n")
	for i := 0; len(lines) > 0; i++ {
		k := min(1000, len(lines))
		part := strings.Replace(head, "name: g\n", fmt.Sprintf("name: g%d\n", i), 1)
		files = append(files, File{Path: fmt.Sprintf("%d.rules.yml", i), Data: []byte(part + "  rules:\n" + strings.Join(lines[:k], ""))})
		if lines = lines[k:]; len(lines) == 1 && lines[0] == "" {
			break
		}
	}
	set, problems := Load([]Source{{MaxMode: Auto, Files: files}}, Options{Targets: []string{"scorer"}})
	if err := problems.Err(); err != nil {
		b.Fatal(err)
	}
	return NewEvaluator(set, Config{})
}

// benchEvents are predictions 20 ms apart, with ids of their own.
func benchEvents(n int) []triggers.Event {
	fields := triggers.RawFields([]byte(`{"decision":"approve","score":0.93,"latency_ms":41,"age_band":"18-25","prediction_id":"p-1"}`))
	events := make([]triggers.Event, n)
	for i := range events {
		events[i] = triggers.Event{ID: fmt.Sprintf("9f2c-%08d", i), Source: "scorer-7", Type: "prediction", Target: "scorer", Version: "v42", Fields: fields}
	}
	return events
}

// BenchmarkApply files events with 1, 100 and 10,000 rules, one of which reads
// them: the cost must not grow with the others.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			e, events, at := oneReads(b, n), benchEvents(1<<16), noon
			for i := range events {
				e.Feed(at, events[i:i+1]) // steady state: every table has its size
				at = at.Add(20 * time.Millisecond)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ev := events[i%len(events) : i%len(events)+1]
				ev[0].Time = at
				e.Apply(at, ev)
				at = at.Add(20 * time.Millisecond)
				if i%50 == 49 {
					e.Advance(at)
				}
			}
		})
	}
}

// BenchmarkAdvance evaluates one boundary a second at which one slot has changed.
func BenchmarkAdvance(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			e, events, at := oneReads(b, n), benchEvents(200), noon
			for i := range events {
				e.Feed(at, events[i:i+1])
				at = at.Add(time.Second)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ev := events[:1]
				ev[0].ID, ev[0].Time = "", at
				e.Apply(at, ev)
				at = at.Add(time.Second)
				e.Advance(at)
			}
		})
	}
}

// BenchmarkFeedStory is one event of the fraud story: comparison, share, arms.
func BenchmarkFeedStory(b *testing.B) {
	s := newScene(b, fraudRule)
	events, at := benchEvents(1<<16), noon
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		ev := events[i%len(events) : i%len(events)+1]
		ev[0].Time = at
		s.Evaluator.Feed(at, ev)
		at = at.Add(20 * time.Millisecond)
	}
}

// BenchmarkBusy is an event of a busy fleet: 100 targets, 1,000 events a second in
// all, n rules a target on some 40 slots that all change each second.
func BenchmarkBusy(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			var y strings.Builder
			y.WriteString("signals:\n  p: {type: prediction, fields: {decision: string, latency_ms: number}}\ngroups:\n- name: g\n  target: t*\n  interval: 1s\n  rules:\n")
			for i := range n {
				fmt.Fprintf(&y, "  - {rule: r%d, trigger: error_rate, if: 'share(p, latency_ms > %d, \"%dm\") > 0.%d'}\n", i, 50+i%8, 1+i/8%5, 200+i)
			}
			var targets []string
			for i := range 100 {
				targets = append(targets, fmt.Sprint("t", i))
			}
			set, problems := Load([]Source{{MaxMode: Auto, Files: []File{{Path: "x.rules.yml", Data: []byte(y.String())}}}}, Options{Targets: targets})
			if err := problems.Err(); err != nil {
				b.Fatal(err)
			}
			e, events, at := NewEvaluator(set, Config{}), benchEvents(1<<20), noon
			feed := func(i int) {
				ev := events[i%len(events) : i%len(events)+1]
				ev[0].Time, ev[0].Target = at, targets[i%len(targets)]
				e.Feed(at, ev)
				at = at.Add(time.Millisecond)
			}
			for i := range 60_000 { // until every rule has enough samples
				feed(i)
			}
			b.ReportAllocs()
			for i := 60_000; b.Loop(); i++ {
				feed(i)
			}
		})
	}
}
