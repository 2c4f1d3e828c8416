// Package ruletest tells what rules would have done: the same evaluator and the
// same guards as the daemon's, fed from recorded events.
package ruletest

import (
	"sort"
	"time"

	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/triggers"
)

// Backtest feeds recorded events to the rules and hands out what they say. It
// holds windows and one desk for each target, never the events.
type Backtest struct {
	eval  *rules.Evaluator
	desks map[string]*desk
	emit  func(any) error

	summary Summary
	err     error // the first of emit
}

// Verdict, Decision and Summary are the lines of a backtest's output (DESIGN §5b).
type (
	// Verdict is one change of what a rule says.
	Verdict struct {
		Kind string `json:"kind"` // verdict
		rules.Verdict
	}
	// Decision is one decision and what the guards would have made of it.
	Decision struct {
		Kind     string                  `json:"kind"` // decision
		ID       string                  `json:"id"`
		At       time.Time               `json:"at"`
		Rule     string                  `json:"rule"`
		Target   string                  `json:"target"`
		Version  string                  `json:"version"`
		WouldAct bool                    `json:"would_act"`
		Guard    string                  `json:"guard,omitempty"` // why it would not have acted by itself
		To       string                  `json:"to,omitempty"`
		Reason   string                  `json:"reason"`
		Values   map[string]rules.Scalar `json:"values,omitempty"`
		Episode  time.Time               `json:"episode"`
	}
	// Summary is the last line.
	Summary struct {
		Kind   string         `json:"kind"` // summary
		Events int            `json:"events"`
		First  time.Time      `json:"first,omitzero"`
		Last   time.Time      `json:"last,omitzero"`
		Fires  map[string]int `json:"fires"` // by rule: changes to firing
		Acts   map[string]int `json:"acts"`  // by rule: decisions that would have acted
		WallMS int64          `json:"wall_ms"`
	}
)

// New makes a backtest. emit gets the lines, in order.
func New(set *rules.Set, emit func(line any) error) *Backtest {
	return &Backtest{
		eval: rules.NewEvaluator(set, rules.Config{}), desks: make(map[string]*desk), emit: emit,
		summary: Summary{Kind: "summary", Fires: make(map[string]int), Acts: make(map[string]int)},
	}
}

// Feed takes one event at its stream time, which must not go back.
func (b *Backtest) Feed(at time.Time, ev triggers.Event) error {
	if b.summary.Events == 0 {
		b.summary.First = at
	}
	b.summary.Events++
	b.summary.Last = at
	b.take(b.eval.Feed(at, []triggers.Event{ev}))
	if ev.Type == triggers.TypeRelease {
		b.desk(ev.Target).release(at, ev, b.eval.Known(ev.Target, b.desk(ev.Target).current()))
	}
	return b.err
}

// End evaluates what is due at the last event's time and gives the summary.
func (b *Backtest) End() (Summary, error) {
	if b.summary.Events > 0 {
		b.take(b.eval.Feed(b.summary.Last, nil))
	}
	return b.summary, b.err
}

func (b *Backtest) take(out rules.Output) {
	for _, v := range out.Verdicts {
		switch v.State {
		case rules.Firing:
			b.summary.Fires[v.Rule]++
		case rules.Resolved:
			b.desk(v.Target).resolve(v)
		case rules.Insufficient, rules.Stale:
		case rules.Inactive, rules.Pending:
			continue
		}
		b.say(Verdict{"verdict", v})
	}
	for _, d := range out.Decisions {
		line := b.desk(d.Target).decide(d)
		if line.WouldAct {
			b.summary.Acts[d.Rule]++
		}
		b.say(line)
	}
}

func (b *Backtest) say(line any) {
	if b.err == nil {
		b.err = b.emit(line)
	}
}

func (b *Backtest) desk(target string) *desk {
	d := b.desks[target]
	if d == nil {
		d = newDesk(target)
		b.desks[target] = d
	}
	return d
}

// RuleNames lists the rules of a summary, sorted.
func (s Summary) RuleNames() []string {
	names := make([]string, 0, len(s.Fires))
	for name := range s.Fires {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
