package incident

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/rules"
)

// Each file in testdata is one story. A block is one event or, with do, several;
// below it stand the entries, the effects (after →) and the state (after =).
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := newStory()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "do" {
				return s.line(t, d)
			}
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				line = strings.TrimSpace(line)
				cmd, args, err := datadriven.ParseLine(line)
				if err != nil {
					t.Fatalf("%s: %v", d.Pos, err)
				}
				fmt.Fprintf(&out, "> %s\n%s", line, s.line(t, &datadriven.TestData{Pos: d.Pos, Cmd: cmd, CmdArgs: args}))
			}
			return out.String()
		})
	})
}

// story is a target, its clock, and what was last asked of the world.
type story struct {
	policy Policy
	target Target
	now    time.Time
	world  World
	want   MakePlan // the last plan that was asked for
	shown  string   // the last state line
}

func newStory() *story {
	return &story{
		now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC),
		policy: Policy{
			Target: "fraud", Mode: rules.Auto, Approvers: []string{"ana", "ben", "ci", "group:ml-oncall"}, Quorum: 1,
			Expires: 15 * time.Minute, Veto: 5 * time.Minute, Attribution: 72 * time.Hour,
			Stages: []Stage{
				{Name: "traffic", Stable: time.Minute, Within: 5 * time.Minute, Steps: []StepRef{
					{ID: "traffic/0", Kind: "kubernetes/traffic", Timeout: 30 * time.Second},
				}},
				{Name: "artifact", Stable: time.Minute, Within: 5 * time.Minute, Steps: []StepRef{
					{ID: "artifact/0", Kind: "kubernetes/workload", Timeout: time.Minute},
					{ID: "artifact/1", Kind: "mlflow/alias", Timeout: 30 * time.Second},
				}},
			},
			Guards: Guards{
				Cooldown: 30 * time.Minute, PerTarget: Rate{N: 2, Per: 24 * time.Hour},
				MaxEventAge: 2 * time.Minute, KnownGoodAfter: time.Hour,
			},
		},
		target: Target{Name: "fraud"},
	}
}

// words reads the arguments of a line.
type words struct {
	t *testing.T
	d *datadriven.TestData
}

func (w words) text(key, def string) string {
	for _, arg := range w.d.CmdArgs {
		if arg.Key == key {
			return strings.Join(arg.Vals, ", ")
		}
	}
	return def
}

func (w words) list(key string) []string {
	for _, arg := range w.d.CmdArgs {
		if arg.Key == key {
			return arg.Vals
		}
	}
	return nil
}

func (w words) has(key string) bool {
	return slices.ContainsFunc(w.d.CmdArgs, func(arg datadriven.CmdArg) bool { return arg.Key == key })
}

func (w words) span(key string, def time.Duration) time.Duration {
	text := w.text(key, "")
	if text == "" {
		return def
	}
	span, err := time.ParseDuration(text)
	if err != nil {
		w.t.Fatalf("%s: %s: %v", w.d.Pos, key, err)
	}
	return span
}

func (w words) number(key string, def int) int {
	text := w.text(key, "")
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		w.t.Fatalf("%s: %s: %v", w.d.Pos, key, err)
	}
	return n
}

func (w words) person() Person {
	return Person{Name: w.text("by", "ana"), Groups: w.list("groups"), Robot: w.has("robot"), Via: "http"}
}

// line plays one event.
func (s *story) line(t *testing.T, d *datadriven.TestData) string {
	w := words{t, d}
	s.world = World{Frozen: w.text("fleet-frozen", ""), Refused: w.text("fleet-refuses", "")}
	switch d.Cmd {
	case "policy":
		return s.configure(w)
	case "history":
		return s.history(t)
	case "ledger":
		return s.ledger()
	case "wait":
		s.now = s.now.Add(w.step())
		return ""
	case "deadline":
		return s.clock(s.target.Deadline()) + "\n"
	}
	return s.play(t, s.input(w))
}

// step is the +30s of a line.
func (w words) step() time.Duration {
	for _, arg := range w.d.CmdArgs {
		if strings.HasPrefix(arg.Key, "+") {
			span, err := time.ParseDuration(arg.Key[1:])
			if err != nil {
				w.t.Fatalf("%s: %v", w.d.Pos, err)
			}
			return span
		}
	}
	return 0
}

func (s *story) configure(w words) string {
	if w.has("mode") {
		if err := s.policy.Mode.UnmarshalText([]byte(w.text("mode", ""))); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.has("approvers") {
		s.policy.Approvers = slices.DeleteFunc(w.list("approvers"), func(name string) bool { return name == "" })
	}
	s.policy.Quorum = w.number("quorum", s.policy.Quorum)
	s.policy.Self = s.policy.Self || w.has("self")
	s.policy.Expires = w.span("expires", s.policy.Expires)
	s.policy.Guards.Cooldown = w.span("cooldown", s.policy.Guards.Cooldown)
	if n := w.number("stages", 0); n > 0 {
		s.policy.Stages = s.policy.Stages[:n]
	}
	if w.has("artifact") {
		s.policy.Stages = s.policy.Stages[1:]
	}
	return ""
}

// history is a target whose v42 came ten minutes ago, after v41 and v40.
func (s *story) history(t *testing.T) string {
	now := s.now
	var out string
	for _, r := range []struct {
		version, actor string
		ago            time.Duration
	}{{"v40", "eva", 10 * 24 * time.Hour}, {"v41", "eva", 48 * time.Hour}, {"v42", "dana", 10 * time.Minute}} {
		s.now = now.Add(-r.ago)
		out = s.play(t, Released{Version: r.version, At: s.now, Actor: r.actor, Known: 0.97})
	}
	s.now = now
	return out
}

func (s *story) ledger() string {
	var out strings.Builder
	for _, r := range s.target.Ledger {
		fmt.Fprintf(&out, "%s since %s", r.Version, s.clock(r.Since))
		for _, note := range []struct {
			name, text string
			on         bool
		}{
			{"until", s.clock(r.Until), !r.Until.IsZero()},
			{"assumed", "", r.Assumed},
			{"fired", s.clock(r.Fired), !r.Fired.IsZero()},
			{"cleared", s.clock(r.Cleared), !r.Cleared.IsZero()},
			{"actor", r.Actor, r.Actor != ""},
			{"rollback", r.Rollback, r.Rollback != ""},
			{"quarantined:", r.Quarantined, r.Quarantined != ""},
			{"left", fmt.Sprint(r.Left), len(r.Left) > 0},
		} {
			if note.on {
				fmt.Fprintf(&out, ", %s", strings.TrimSpace(note.name+" "+note.text))
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// play steps the machine as the engine would, and prints what came of it. It
// checks on the way what must hold for every step.
func (s *story) play(t *testing.T, in Input) string {
	t.Helper()
	in = WithWorld(in, World{
		Frozen: s.world.Frozen, Refused: s.world.Refused,
		Granted: s.world.Refused == "" && s.policy.NeedsGrant(s.target, WithWorld(in, s.world)),
	})
	before := encode(t, s.target)
	out, err := s.policy.Step(s.target, in, s.now)
	if diff := cmp.Diff(before, encode(t, s.target)); diff != "" {
		t.Fatalf("Step has changed its argument:\n%s", diff)
	}
	if err := check(s.target, in, out); err != nil {
		t.Fatal(err)
	}
	var refused *Refused
	if errors.As(err, &refused) {
		return fmt.Sprintf("refused, %s: %s\n", refused.Code, refused.Text)
	}
	s.target = out.State
	return s.print(out)
}

func encode(t interface{ Fatal(args ...any) }, s Target) string {
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (s *story) print(out Outcome) string {
	if len(out.Entries) == 0 {
		return "nothing\n"
	}
	var text strings.Builder
	for _, e := range out.Entries {
		about := ""
		if e.Incident != "" {
			about = fmt.Sprintf(" %s r%d", e.Incident, e.Revision)
		}
		fmt.Fprintf(&text, "%s%s %s by %s: %s\n", e.At.Format("15:04:05"), about, e.Kind, e.By, e.Text)
	}
	for _, effect := range out.Effects {
		fmt.Fprintf(&text, "→ %s\n", s.effect(effect))
	}
	if line := s.state(); line != s.shown {
		text.WriteString(line)
		s.shown = line
	}
	return text.String()
}

func (s *story) effect(effect Effect) string {
	switch e := effect.(type) {
	case MakePlan:
		s.want = e
		return fmt.Sprintf("plan stage %d, %s → %s, revisions %v", e.Stage, e.From, e.To, e.Revisions)
	case Execute:
		return fmt.Sprintf("execute %s, epoch %d, attempt %d", e.Attempt.Key, e.Attempt.Token.Epoch, e.Attempt.N)
	case Check:
		return fmt.Sprintf("check %s after %s", e.Plan.Steps[e.Step].ID, e.After)
	case Announce:
		return fmt.Sprintf("announce %s, previous %q, quarantined %s", e.Version, e.Previous, e.Quarantined)
	case Reconsider:
		return "reconsider at " + s.clock(e.At)
	}
	return fmt.Sprintf("%T", effect)
}

func (s *story) clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return clock(s.now, t)
}

func (s *story) state() string {
	inc := s.target.Incident
	if inc == nil {
		return ""
	}
	line := fmt.Sprintf("= %s %s, %s, %s → %s", inc.ID, inc.State, inc.Mode, inc.Version, orText(inc.To, "?"))
	if !inc.State.Terminal() {
		line += ", clock at " + s.clock(s.target.Deadline())
	} else if inc.State.Pages() {
		line += ", pages"
	}
	return line + "\n"
}
