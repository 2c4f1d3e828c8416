package ruletest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/rules/ruletest"
	"github.com/ripcord-dev/ripcord/triggers"
	"github.com/ripcord-dev/ripcord/triggers/replay"
)

// The rules of the example on three hours of its traffic, of a fixed seed: v41
// for two hours, then v42, which blocks two in five, with a tenth of the traffic
// held back on v41.
func TestFraudScorerIsTakenBackOnce(t *testing.T) {
	path := t.TempDir() + "/events.jsonl"
	if err := os.WriteFile(path, fraud(), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../examples/fraud-scorer/fraud-scorer.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	decisions, summary := backtest(t, string(text), path)
	if got := summary.Fires["blocks-legit-customers"]; got != 1 {
		t.Errorf("blocks-legit-customers fires %d times, want once", got)
	}
	acted := 0
	for _, d := range decisions {
		t.Logf("%s %s on %s: act %v, to %q, %s; %s", d.At.Format(time.TimeOnly), d.Rule, d.Version, d.WouldAct, d.To, d.Guard, d.Reason)
		if d.Version != "v42" {
			t.Errorf("%s decides on %s", d.Rule, d.Version)
		}
		if d.WouldAct {
			acted++
			if d.To != "v41" || d.Rule != "blocks-legit-customers" {
				t.Errorf("%s would go to %s", d.Rule, d.To)
			}
		}
	}
	if acted != 1 || summary.Acts["blocks-legit-customers"] != 1 {
		t.Errorf("%d decisions would act (summary %v), want 1", acted, summary.Acts)
	}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func fraud() []byte {
	rng := rand.New(rand.NewPCG(7, 42))
	var out bytes.Buffer
	n := 0
	predict := func(at time.Time, version string, blocks float64) {
		n++
		decision := "approve"
		if rng.Float64() < blocks {
			decision = "block"
		}
		fmt.Fprintln(&out, line("prediction", version, at, fmt.Sprintf(`"decision":%q,"latency_ms":%d`, decision, 20+rng.IntN(40))))
	}
	fmt.Fprintln(&out, line("release", "v41", noon, ""))
	for at := 10 * time.Second; at < 2*time.Hour; at += 2 * time.Second {
		predict(noon.Add(at), "v41", 0.005)
	}
	live := noon.Add(2 * time.Hour)
	fmt.Fprintln(&out, line("release", "v42", live, `"previous":"v41"`))
	for i := range 900 {
		at := live.Add(time.Duration(i+1) * 200 * time.Millisecond)
		if i%10 == 0 {
			predict(at, "v41", 0.005)
		} else {
			predict(at, "v42", 0.40)
		}
	}
	return out.Bytes()
}

func line(typ, version string, at time.Time, fields string) string {
	return fmt.Sprintf(`{"type":%q,"target":"fraud-scorer","version":%q,"time":%q,"data":{%s}}`, typ, version, at.Format(time.RFC3339Nano), fields)
}

// backtest plays a file and gives its decisions and its summary.
func backtest(t *testing.T, text, path string) ([]ruletest.Decision, ruletest.Summary) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	set, problems := rules.Load([]rules.Source{{MaxMode: rules.Auto, Files: []rules.File{{Path: "test.rules.yml", Data: []byte(text)}}}}, rules.Options{AnyTarget: true})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	var decisions []ruletest.Decision
	run := ruletest.New(set, func(line any) error {
		if d, ok := line.(ruletest.Decision); ok {
			decisions = append(decisions, d)
		}
		return nil
	})
	var clock replay.Clock
	bad, err := replay.Read(t.Context(), f, path, func(ev triggers.Event, _ int) error { return run.Feed(clock.At(ev), ev) })
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	summary, err := run.End()
	if err != nil {
		t.Fatal(err)
	}
	return decisions, summary
}

const errorRule = `
signals:
  requests: {type: request, fields: {ok: boolean}}
groups:
- name: shop
  target: shop
  interval: 1s
  rules:
  - {rule: errors, trigger: error_rate, mode: MODE, if: "count(requests, \"10s\") > 6"}
`

// story is a short log of requests, of which many are bad: a dot is one after five
// seconds, x one after a second, ~ an hour of dots; a capital letter releases the
// version of that letter.
func story(t *testing.T, mode, text string) ([]ruletest.Decision, ruletest.Summary) {
	t.Helper()
	var log strings.Builder
	version := ""
	at := noon
	for _, c := range text {
		name := `"request"`
		fields := fmt.Sprintf(`{"ok":%v}`, c != 'x')
		if c >= 'A' && c <= 'Z' {
			name, version, fields = `"release"`, string(c), `{}`
		}
		step := 5 * time.Second
		if c == 'x' {
			step = time.Second
		}
		if c == '~' { // an hour goes by, with good answers
			for range 720 {
				at = at.Add(5 * time.Second)
				fmt.Fprintf(&log, `{"type":"request","target":"shop","version":%q,"time":%q,"data":{"ok":true}}`+"\n", version, at.Format(time.RFC3339))
			}
			continue
		}
		at = at.Add(step)
		served := ""
		if version != "" {
			served = fmt.Sprintf(`"version":%q,`, version)
		}
		fmt.Fprintf(&log, `{"type":%s,"target":"shop",%s"time":%q,"data":%s}`+"\n", name, served, at.Format(time.RFC3339), fields)
	}
	path := t.TempDir() + "/log.jsonl"
	if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return backtest(t, strings.Replace(errorRule, "MODE", mode, 1), path)
}

const bad = "xxxxxxxxxx"

func TestGuards(t *testing.T) {
	for _, tt := range []struct {
		name, mode, story string
		act               bool
		to, guard         string // of the last decision
		decisions         int
	}{
		{"a bad release after a good hour would be taken back", "auto", "A~~B" + bad, true, "A", "", 1},
		{"a rule that asks does not act by itself", "approve", "A~~B" + bad, false, "A", "approve", 1},
		{"without a release nothing is there to go back to", "auto", bad + bad, false, "", "no release of shop is known", 1},
		{"a version that served for seconds is not known good", "auto", "A.....B" + bad, false, "", "healthy for", 1},
		{"a second release within the cooldown is asked about", "auto", "A~~B" + bad + "C" + bad, false, "", "cooldown", 2},
		{"good answers decide nothing", "auto", "A~~B..........", false, "", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			decisions, summary := story(t, tt.mode, tt.story)
			for _, d := range decisions {
				t.Logf("%s on %s: act %v, to %q, guard %q", d.At.Format(time.TimeOnly), d.Version, d.WouldAct, d.To, d.Guard)
			}
			if len(decisions) != tt.decisions {
				t.Fatalf("%d decisions, want %d", len(decisions), tt.decisions)
			}
			if tt.decisions == 0 {
				if len(summary.Fires) > 0 {
					t.Errorf("fires %v", summary.Fires)
				}
				return
			}
			last := decisions[len(decisions)-1]
			if last.WouldAct != tt.act || last.To != tt.to || !strings.Contains(last.Guard, tt.guard) || (last.Guard == "") != tt.act {
				t.Errorf("act %v, to %q, guard %q; want %v, %q, %q", last.WouldAct, last.To, last.Guard, tt.act, tt.to, tt.guard)
			}
		})
	}
}

// The lines are JSON as DESIGN §5b has it, in order: a verdict before its decision.
func TestLines(t *testing.T) {
	set, problems := rules.Load([]rules.Source{{MaxMode: rules.Auto, Files: []rules.File{{
		Path: "test.rules.yml", Data: []byte(strings.Replace(errorRule, "MODE", "auto", 1)),
	}}}}, rules.Options{AnyTarget: true})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	run := ruletest.New(set, func(line any) error {
		raw, err := json.Marshal(line)
		var of struct{ Kind, Rule, Target, State string }
		if err == nil {
			err = json.Unmarshal(raw, &of)
		}
		if of.Rule != "errors" || of.Target != "shop" {
			t.Errorf("a line without its rule or target: %s", raw)
		}
		kinds = append(kinds, strings.TrimSpace(of.Kind+" "+of.State))
		return err
	})
	for i := range 10 {
		at := noon.Add(time.Duration(i) * time.Second)
		ev, err := triggers.DecodeEvent([]byte(fmt.Sprintf(`{"id":"%d","type":"request","target":"shop","version":"A","time":%q,"data":{"ok":true}}`, i, at.Format(time.RFC3339))))
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Feed(at, ev); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := run.End(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(kinds, ", "); !strings.HasSuffix(got, "verdict firing, decision") {
		t.Errorf("the lines are %s", got)
	}
}

func TestAWriterThatFailsEndsTheBacktest(t *testing.T) {
	failed := fmt.Errorf("no space left")
	set, _ := rules.Load([]rules.Source{{MaxMode: rules.Auto, Files: []rules.File{{
		Path: "test.rules.yml", Data: []byte(strings.Replace(errorRule, "MODE", "auto", 1)),
	}}}}, rules.Options{AnyTarget: true})
	run := ruletest.New(set, func(any) error { return failed })
	var err error
	for i := range 10 {
		at := noon.Add(time.Duration(i) * time.Second)
		ev, bad := triggers.DecodeEvent([]byte(fmt.Sprintf(`{"id":"%d","type":"request","target":"shop","version":"A","time":%q,"data":{"ok":true}}`, i, at.Format(time.RFC3339))))
		if bad != nil {
			t.Fatal(bad)
		}
		if err = run.Feed(at, ev); err != nil {
			break
		}
	}
	if err != failed { //nolint:errorlint // the very error
		t.Errorf("Feed gives %v", err)
	}
}
