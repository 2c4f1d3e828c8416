package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/rules"
)

// A target that is flooded with the longest texts for long stays well below the
// journal's 256 KiB.
func TestAFloodedTargetStaysSmall(t *testing.T) {
	s := newStory()
	s.policy.Guards = Guards{}
	s.policy.Stages = s.policy.Stages[:1]
	long := strings.Repeat("ä", 4000)
	step := func(in Input) {
		t.Helper()
		out, err := s.policy.Step(s.target, WithWorld(in, World{Granted: true}), s.now)
		if err != nil {
			t.Fatal(err)
		}
		s.target = out.State
	}
	for i := range 120 {
		for _, d := range s.target.Decided[max(0, len(s.target.Decided)-12):] {
			step(Resolve{Verdict: rules.Verdict{At: s.now, Rule: d.Rule, Version: d.Version, State: rules.Resolved, Reason: long}})
		}
		version := fmt.Sprintf("%s-%d", strings.Repeat("v", 60), i)
		s.now = s.now.Add(time.Hour)
		step(Released{Version: version, At: s.now, Actor: long, Commit: long, Known: 1})
		step(Looked{Step: "traffic/0", Sight: actions.Sight{Live: actions.Seen{Version: version, Revision: actions.Revision{Rev: strings.Repeat("r", 120), Digest: strings.Repeat("d", 71)}}}})
		for rule := range 12 {
			step(Decide{Decision: flood(version, fmt.Sprintf("%s-%d", strings.Repeat("r", 60), rule), long, s.now)})
		}
	}
	if n := len(s.target.Incident.Decisions); n != maxDecisions {
		t.Errorf("%d decisions in the incident", n)
	}
	n := len(encode(t, s.target))
	t.Logf("the encoded target has %d KiB", n>>10)
	if n > 200<<10 {
		t.Error("that is too much")
	}
}

func flood(version, rule, long string, now time.Time) rules.Decision {
	d := rules.Decision{
		ID: strings.Repeat("0", 56) + fmt.Sprintf("%08x", now.Unix()%1e6) + rule[61:], At: now, Rule: rule, Mode: rules.Approve, Target: "fraud", Version: version,
		Confirmation: long, Summary: long, Runbook: long, File: long, Commit: long,
		Evidence: rules.Evidence{Reason: long, Newest: now, Values: map[string]rules.Scalar{}},
	}
	for i := range 40 {
		d.Evidence.Slots = append(d.Evidence.Slots, rules.Reading{Call: long, Value: 0.123456789, N: 1e6, Previous: 0.1, Limit: 2, Low: 1, High: 3, LogE: 4, Need: 5, Reason: long})
		d.Evidence.Events = append(d.Evidence.Events, long)
		d.Evidence.Values[fmt.Sprintf("value-%d", i)] = rules.Scalar{Value: 0.123456789}
	}
	return d
}

func TestATextIsCutAtACharacter(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("ä", 300), strings.Repeat("x", 199) + "…", "a\xffb"} {
		got := short(text, shortText)
		if len(got) > shortText || !utf8.ValidString(got) {
			t.Errorf("%d bytes of %q", len(got), got)
		}
	}
}

func TestSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Second: "1m30s", time.Minute: "1m", 3 * time.Hour: "3h", 80*time.Hour + 10*time.Minute: "80h10m",
		20 * time.Minute: "20m", 10 * time.Second: "10s", 10 * time.Hour: "10h", 1499 * time.Millisecond: "1s", 250 * time.Millisecond: "250ms",
	} {
		if got := span(d); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
}
