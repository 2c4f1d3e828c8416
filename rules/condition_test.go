package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const conditionSignals = `signals:
  p: {type: prediction, fields: {decision: string, ms: number}}
  alerts: {type: alert, fields: {alertname: string}}
`

// evaluate evaluates a condition on readings given in the order of its slots.
func evaluate(t *testing.T, condition string, readings []Reading, truths []Truth) (Truth, string) {
	t.Helper()
	p := loadOne(t, conditionSignals, condition)
	if len(readings) != len(p.slots) {
		t.Fatalf("%s has %d slots, not %d", condition, len(p.slots), len(readings))
	}
	if truths == nil {
		truths = make([]Truth, len(readings))
	}
	r := p.rules[0]
	f := r.frame(readings, truths)
	clause := ""
	r.cond.walk(func(l leaf) {
		if clause == "" {
			clause = l.explain(f)
		}
	})
	return r.cond.eval(f), clause
}

func TestConditionsAreThreeValued(t *testing.T) {
	full := func(v float64) Reading { return Reading{Value: v, N: 5000} }
	thin := Reading{Value: 9, N: 0}
	stale := Reading{Value: 9, N: 5000, State: Stale}
	count, share := `count(p, "1m")`, `share(p, decision == "block", "1m")`
	tests := []struct {
		name, condition string
		readings        []Reading
		truths          []Truth
		want            Truth
	}{
		{"a comparison holds", count + " > 5", []Reading{full(6)}, nil, True},
		{"a comparison does not hold", count + " > 5", []Reading{full(5)}, nil, False},
		{"thin data is UNKNOWN, whatever the value", count + " > 5", []Reading{thin}, nil, Unknown},
		{"stale data is UNKNOWN, whatever the value", count + " > 5", []Reading{stale}, nil, Unknown},
		{"not UNKNOWN is UNKNOWN", "not (" + count + " > 5)", []Reading{stale}, nil, Unknown},
		{"UNKNOWN and FALSE is FALSE", count + " > 5 and " + share + " > 0.5", []Reading{stale, full(0.4)}, nil, False},
		{"UNKNOWN and TRUE is UNKNOWN", count + " > 5 and " + share + " > 0.5", []Reading{stale, full(0.6)}, nil, Unknown},
		{"UNKNOWN or TRUE is TRUE", count + " > 5 or " + share + " > 0.5", []Reading{stale, full(0.6)}, nil, True},
		{"UNKNOWN or FALSE is UNKNOWN", count + " > 5 or " + share + " > 0.5", []Reading{stale, full(0.4)}, nil, Unknown},
		{"a division by zero is UNKNOWN", "1 / " + count + " > 0", []Reading{full(0)}, nil, Unknown},
		{"zero by zero is UNKNOWN, also when unequal", count + " / " + count + " != 1", []Reading{full(0)}, nil, Unknown},
		{"an overflow is UNKNOWN", count + " * 1e300 * 1e300 > 1", []Reading{full(5)}, nil, Unknown},
		{"arithmetic has the usual precedence", "1 + " + count + " * 2 - -1 == 12", []Reading{full(5)}, nil, True},
		{"a chain compares both ways", "1 < " + count + " <= 5", []Reading{full(5)}, nil, True},
		{"a chain fails on either side", "1 < " + count + " <= 5", []Reading{full(6)}, nil, False},
		{"both arms are slots of their own", count + " > 2 * previous(" + count + ")", []Reading{full(7), full(3)}, nil, True},
		{"the same call twice is one slot", count + " > 2 and count(p,'1m')<9", []Reading{full(7)}, nil, True},
		{"an alert that fires is TRUE", "firing(alerts)", []Reading{{N: 1}}, []Truth{True}, True},
		{"no alert is FALSE, not UNKNOWN", "firing(alerts)", []Reading{{N: 0}}, []Truth{False}, False},
		{"a test that is stale is UNKNOWN", "firing(alerts)", []Reading{{N: 1, State: Stale}}, []Truth{True}, Unknown},
		{"a test with too few samples is UNKNOWN", `seq_share(p, decision == "block")`, []Reading{{N: 19}}, []Truth{True}, Unknown},
		{"a test with enough is what it says", `seq_share(p, decision == "block")`, []Reading{{N: 20}}, []Truth{True}, True},
		{"constants join in", "true and not false and " + count + " > 1", []Reading{full(5)}, nil, True},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := evaluate(t, tt.condition, tt.readings, tt.truths); got != tt.want {
				t.Errorf("%s is %v, want %v", tt.condition, got, tt.want)
			}
		})
	}
}

func TestExplanationsHoldTheNumbers(t *testing.T) {
	tests := []struct {
		name, condition string
		readings        []Reading
		truths          []Truth
		want            string
	}{
		{
			"a quantile above its limit", `p99(p, ms, "2m") > 150`,
			[]Reading{{Value: 412.04, N: 1204}},
			nil, "p99 of ms is 412 over 2m (n 1,204), above 150",
		},
		{
			"a share within its limit", `share(p, decision == "block", "1m") > 0.2`,
			[]Reading{{Value: 0.00512, N: 120}},
			nil, `share of p with decision == "block" is 0.512 % over 1m (n 120), not above 20 %`,
		},
		{
			"a limit that is computed names where it comes from", `p99(p, ms, "2m") > 1.5 * previous(p99(p, ms, "2m"))`,
			[]Reading{{Value: 412, N: 1204}, {Value: 200, N: 98000}},
			nil, "p99 of ms is 412 over 2m (n 1,204), above 300 (previous p99 of ms is 200 over 2m (n 98,000))",
		},
		{
			"a difference of shares is a share", `share(p, decision == "block", "1m") - previous(share(p, decision == "block", "1m")) > 0.05`,
			[]Reading{{Value: 0.4, N: 200}, {Value: 0.1, N: 300}},
			nil, `30 % (share of p with decision == "block" is 40 % over 1m (n 200); previous share of p with decision == "block" is 10 % over 1m (n 300)), above 5 %`,
		},
		{
			"a limit that stands first", `10 < count(p, "1m")`,
			[]Reading{{Value: 12, N: 12}},
			nil, "count of p is 12 over 1m (n 12), above 10",
		},
		{
			"a rate is per second", `rate(p, "1m", {where: ms > 5}) >= 0.5`,
			[]Reading{{Value: 0.25, N: 15}},
			nil, "rate of p where ms > 5 is 0.25/s over 1m (n 15), below 0.5/s",
		},
		{
			"too few samples say how many are wanted", `avg(p, ms, "2m") > 150`,
			[]Reading{{Value: 412, N: 12}},
			nil, "avg of ms has too little data: 12 of 30 samples",
		},
		{
			"stale data says so", `avg(p, ms, "2m") > 150`,
			[]Reading{{Value: 412, N: 120, State: Stale, Reason: "nothing for 2m"}},
			nil, "avg of ms is stale: nothing for 2m",
		},
		{
			"a division by zero is no number", `avg(p, ms, "2m") / 0 > 150`,
			[]Reading{{Value: 412, N: 120}},
			nil, `avg(p, ms, "2m") / 0 > 150 is not a finite number`,
		},
		{
			"a sequential test shows both arms and its evidence", `seq_share(p, decision == "block", {margin: 1.5})`,
			[]Reading{{Value: 0.4, N: 120, Previous: 0.005, NPrev: 12000, LogE: 9.12345, Need: 6.9077}},
			[]Truth{True},
			`share of p with decision == "block" is 40 % (n 120), worse than 1.5 times the 0.5 % before (n 12,000): log e 9.123 of 6.908`,
		},
		{
			"the kernel's own sentence goes before", `seq_share(p, decision == "block")`,
			[]Reading{{Value: 0.4, N: 120, Reason: "the kernel says so"}},
			[]Truth{True},
			"the kernel says so",
		},
		{
			"alerts are counted", `firing(alerts, alertname == "High")`,
			[]Reading{{N: 2}},
			[]Truth{True},
			`2 alerts fire in alerts with alertname == "High"`,
		},
		{
			"no alert", `firing(alerts)`,
			[]Reading{{N: 0}},
			[]Truth{False},
			"no alert fires in alerts",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := evaluate(t, tt.condition, tt.readings, tt.truths)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.condition, diff)
			}
		})
	}
}

func TestLeavesTellTheirSides(t *testing.T) {
	p := loadOne(t, conditionSignals, `2 * count(p, "1m") > 10 and not firing(alerts)`)
	f := p.rules[0].frame([]Reading{{Value: 7, N: 7}, {N: 0}}, []Truth{Unknown, False})
	type side struct {
		Text        string
		Slots       []int
		Left, Right float64
		OK          bool
	}
	var got []side
	p.rules[0].cond.walk(func(l leaf) {
		left, right, ok := l.sides(f)
		got = append(got, side{l.text(), l.slots(), left, right, ok})
	})
	want := []side{
		{`2 * count(p, "1m") > 10`, []int{0}, 14, 10, true},
		{`firing(alerts)`, []int{1}, 0, 0, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sides (-want +got):\n%s", diff)
	}
}

// A rule's minimum must not leak into the readings that other rules see.
func TestFrameLeavesTheReadingsAlone(t *testing.T) {
	p := loadOne(t, conditionSignals, `count(p, "1m") > 10 and avg(p, ms, "1m") > 3`)
	r := p.rules[0]
	all := []Reading{{Value: 7, N: 7}, {Value: 5, N: 29}}
	before := append([]Reading(nil), all...)
	f := r.frame(all, []Truth{Unknown, Unknown})
	if diff := cmp.Diff(before, all); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if f.readings[1].State != Insufficient || f.readings[0].State != "" {
		t.Errorf("states %q %q, want the second one INSUFFICIENT", f.readings[0].State, f.readings[1].State)
	}
	all[1].N = 30
	if n := testing.AllocsPerRun(100, func() { r.cond.eval(r.fill(f, all, f.truths)) }); n != 0 {
		t.Errorf("an evaluation allocates %v times", n)
	}
}

func TestFigures(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 1: "1", 412: "412", 412.04: "412", 0.42137: "0.4214", 12.3456: "12.35", 999.96: "1,000", 1204: "1,204", 1234567.8: "1,234,568",
		-1234.5: "-1,234", -0.5: "-0.5", 0.00001: "1e-05", 1e20: "1e+20",
	} {
		if got := figureText(x); got != want {
			t.Errorf("%v reads %s, want %s", x, got, want)
		}
	}
	for x, want := range map[float64]string{0.4: "40 %", 0.00512: "0.512 %", 0: "0 %", 1: "100 %", 12.5: "1,250 %", -0.051234: "-5.12 %"} {
		if got := percentText(x); got != want {
			t.Errorf("%v reads %s, want %s", x, got, want)
		}
	}
}
