package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/triggers"
)

func read(t *testing.T, file string) (events, problems []string) {
	t.Helper()
	var clock Clock
	bad, err := Read(t.Context(), iotest.OneByteReader(strings.NewReader(file)), "f.jsonl", func(ev triggers.Event, line int) error {
		events = append(events, fmt.Sprintf("%d %s %s/%s %s %s %s {%s}", line, clock.At(ev).Format("15:04:05"), ev.Source, ev.ID, ev.Type, ev.Target, ev.Version, ev.Fields))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range bad {
		problems = append(problems, p.Error())
	}
	return events, problems
}

func TestAFileIsReadLineByLine(t *testing.T) {
	events, problems := read(t, `# a comment
{"specversion":"1.0","id":"1","source":"s","type":"prediction","time":"2026-11-23T10:00:02Z","data":{"target":"t","version":"v42","score":1}}

{"type":"prediction","target":"t","time":"2026-11-23T10:00:01Z","score":2}
{"type":"prediction","target":"t"}
{"type":"prediction","target":"t","score":
{"type":"prediction","target":"t","time":1795428003}`)
	want := []string{
		"2 10:00:02 s/1 prediction t v42 {score=1 target=t version=v42}",
		"4 10:00:02 f.jsonl/4 prediction t  {score=2 target=t time=2026-11-23T10:00:01Z type=prediction}",
		"7 10:00:03 f.jsonl/7 prediction t  {target=t time=1.795428003e+09 type=prediction}",
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
	bad := []string{
		"f.jsonl:5: the event has no time: in a file it says when conditions are evaluated",
		"f.jsonl:6: it is not valid JSON: byte 43 should have a value (NaN and Infinity are not JSON)",
	}
	if diff := cmp.Diff(bad, problems); diff != "" {
		t.Error(diff)
	}
}

func TestALineThatIsTooLongDoesNotLoseTheNext(t *testing.T) {
	good := `{"type":"a","target":"t","time":1}`
	events, problems := read(t, strings.Repeat("x", maxLine+1)+"\n"+good)
	if len(events) != 1 || len(problems) != 1 || problems[0] != "f.jsonl:1: the line has more than 1048576 bytes" {
		t.Errorf("%v %v", events, problems)
	}
}

func TestManyProblemsAreCounted(t *testing.T) {
	_, problems := read(t, strings.Repeat("x\n", 150))
	if len(problems) != 101 || problems[100] != "f.jsonl:150: this and 49 problems before it are not listed" {
		t.Errorf("%d problems, the last is %s", len(problems), problems[len(problems)-1])
	}
}

func TestReadingStopsWithTheErrorOfWhoStoppedIt(t *testing.T) {
	line := `{"type":"a","target":"t","time":1}` + "\n"
	stop, broken := errors.New("enough"), errors.New("broken pipe")
	ctx, cancel := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		r    io.Reader
		fn   func() error
		want error
	}{
		"the callee":  {strings.NewReader(line + line), func() error { return stop }, stop},
		"the reader":  {io.MultiReader(strings.NewReader(line), iotest.ErrReader(broken)), func() error { return nil }, broken},
		"the context": {strings.NewReader(line + line), func() error { cancel(); return nil }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			calls, using := 0, t.Context()
			if errors.Is(c.want, context.Canceled) {
				using = ctx
			}
			_, err := Read(using, c.r, "f", func(triggers.Event, int) error { calls++; return c.fn() })
			if !errors.Is(err, c.want) || calls != 1 {
				t.Errorf("%d calls, %v", calls, err)
			}
		})
	}
}

func TestTheClockNeverGoesBack(t *testing.T) {
	var c Clock
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, step := range []struct{ event, want int }{{5, 5}, {3, 5}, {7, 7}} {
		if got := c.At(triggers.Event{Time: at.Add(time.Duration(step.event))}); !got.Equal(at.Add(time.Duration(step.want))) {
			t.Errorf("an event at %d is at %s", step.event, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("{\"type\":\"a\",\"target\":\"t\",\"time\":1}\n\n#\nx")
	f.Fuzz(func(t *testing.T, file string) {
		n := 0
		problems, err := Read(t.Context(), strings.NewReader(file), "f", func(ev triggers.Event, line int) error {
			if n++; ev.Time.IsZero() || ev.ID == "" || ev.Source == "" || line < 1 {
				t.Errorf("line %d: %+v", line, ev)
			}
			return nil
		})
		if lines := strings.Count(file, "\n") + 1; err != nil || n+len(problems) > lines {
			t.Errorf("%d lines, %d events, %d problems, %v", lines, n, len(problems), err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	file := strings.Repeat(`{"specversion":"1.0","id":"1","source":"s","type":"prediction","time":"2026-11-23T10:00:02Z","data":{"target":"t","version":"v42","score":1}}`+"\n", 1000)
	for b.Loop() {
		_, _ = Read(b.Context(), strings.NewReader(file), "f", func(triggers.Event, int) error { return nil })
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
}
