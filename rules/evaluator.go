package rules

import (
	"cmp"
	"slices"
	"time"

	"github.com/ripcord-dev/ripcord/rules/window"
	"github.com/ripcord-dev/ripcord/triggers"
)

// ahead is how far an event's time may lie in the future.
const ahead = 2 * time.Minute

// Config sets an Evaluator's limits. Its zero value has the defaults.
type Config struct {
	// Remember is how long the identity of an event is known at least, in stream
	// time; 0 means 10 min. MaxIDs bounds how many identities are known; 0 means
	// 1e6, which takes 18 MiB.
	Remember time.Duration
	MaxIDs   int
}

// Evaluator holds what a Set has seen of the log: the windows, comparisons and
// arms of each target, and what its rules say. All of it is a cache of the log.
//
// It has two clocks. Stream time, the at of each message, says when conditions are
// evaluated: at the multiples of each group's interval since 1970. An event's own
// time says into which pane it goes. There is no other clock and no randomness:
// the same messages give the same output, whoever feeds them and in what batches.
//
// An Evaluator is for one goroutine.
type Evaluator struct {
	set     *Set
	now     int64 // stream time, monotone
	layouts map[*program]*layout
	targets map[string]*target
	due     queue[string] // targets, by their due
	seen    seen
	columns *columns
	urgent  []*target // whose alerts have changed in this message
	counts  Counters
	out     Output
}

// NewEvaluator makes an evaluator that has seen nothing. The state of a target is
// made at its first event.
func NewEvaluator(set *Set, cfg Config) *Evaluator {
	return &Evaluator{
		set: set, now: 1, layouts: make(map[*program]*layout), targets: make(map[string]*target), columns: newColumns(),
		seen: seen{keep: int64(cmp.Or(cfg.Remember, 10*time.Minute)), most: cmp.Or(cfg.MaxIDs, 1_000_000)},
	}
}

// Feed takes one message of the log: it evaluates the boundaries up to at, on what
// has come before, then files the message's events, and then evaluates at once the
// rules that read alerts, where there are any in it. A stream time before the last
// one counts as the last one.
func (e *Evaluator) Feed(at time.Time, events []triggers.Event) Output {
	e.advance(at)
	e.apply(events)
	for _, t := range e.urgent {
		t.out = &e.out
		for _, rule := range t.alerted {
			t.look(rule, e.now, false)
		}
		t.alerted = t.alerted[:0]
		t.reschedule()
		e.enqueue(t)
	}
	e.urgent = e.urgent[:0]
	return e.take()
}

// Apply files a message's events and evaluates nothing; the next boundary does.
// What a release among them brings is in the output of the next Advance or Feed.
// Duplicates by (source, id), late events and odd ones are normal; see Counters.
func (e *Evaluator) Apply(at time.Time, events []triggers.Event) {
	e.now = max(e.now, nanos(at))
	e.apply(events)
	for _, t := range e.urgent {
		t.alerted = t.alerted[:0]
	}
	e.urgent = e.urgent[:0]
}

// Advance evaluates every boundary up to and including now that can change
// anything, in the order of time, then of target, then of the rule files.
func (e *Evaluator) Advance(now time.Time) Output {
	e.advance(now)
	return e.take()
}

func (e *Evaluator) take() Output {
	out := e.out
	e.out = Output{}
	return out
}

func (e *Evaluator) advance(to time.Time) {
	e.now = max(e.now, nanos(to))
	for len(e.due) > 0 && e.due[0].due <= e.now {
		a := e.due.pop()
		t := e.targets[a.who]
		if t == nil || t.queued != a.due {
			continue // put off, or brought forward and done
		}
		t.evaluate(a.due, &e.out)
		t.queued = never
		e.enqueue(t)
	}
}

// enqueue makes the evaluator come back to a target when it is due.
func (e *Evaluator) enqueue(t *target) {
	if t.due < t.queued {
		t.queued = t.due
		e.due.push(alarm[string]{t.due, t.name})
	}
}

func (e *Evaluator) apply(events []triggers.Event) {
	for i := range events {
		if ev := &events[i]; ev.Type != triggers.TypeTick {
			e.file(ev)
		}
	}
}

// file takes in one event.
func (e *Evaluator) file(ev *triggers.Event) {
	e.counts.Events++
	t := e.target(ev.Target)
	if t == nil {
		e.counts.Unruled++
		return
	}
	if ev.ID != "" && e.seen.add(ev.Source, ev.ID, e.now) {
		e.counts.Duplicates++
		return
	}
	at := e.eventTime(ev)
	switch signals := t.byType[ev.Type]; {
	case ev.Type == triggers.TypeRelease:
		t.release(ev, e.now, at, &e.out)
		e.sample(t, ev, signals, at)
	case len(signals) == 0:
		e.counts.UnknownType++
		if ev.Type != triggers.TypeAlert {
			t.serve(ev.Version, e.now, &e.out) // it still shows which version serves
		}
	default:
		e.sample(t, ev, signals, at)
	}
	e.enqueue(t)
}

// eventTime is the event's own time, as far as it can be believed.
func (e *Evaluator) eventTime(ev *triggers.Event) int64 {
	if ev.Time.IsZero() {
		return e.now
	}
	at := nanos(ev.Time)
	if at > e.now+int64(ahead) {
		e.counts.Future++
		return e.now
	}
	return at
}

// target finds a target's state, or makes it; nil when no rule names it.
func (e *Evaluator) target(name string) *target {
	if t := e.targets[name]; t != nil {
		return t
	}
	p := e.set.program(name)
	if p == nil {
		return nil
	}
	t := newTarget(name, e.layout(p), e.now)
	t.wakeAll(e.now)
	e.targets[name] = t
	e.enqueue(t)
	return t
}

func (e *Evaluator) layout(p *program) *layout {
	l := e.layouts[p]
	if l == nil {
		l = newLayout(p)
		e.layouts[p] = l
	}
	return l
}

// sample files an event into the slots of the signals that it feeds.
func (e *Evaluator) sample(t *target, ev *triggers.Event, signals []int, at int64) {
	if len(signals) == 0 {
		return
	}
	var arm int
	if ev.Type == triggers.TypeAlert {
		arm = t.of(ev.Version) // an alert's label makes no release
	} else {
		arm = t.serve(ev.Version, e.now, &e.out)
	}
	if arm == atNeither && ev.Type != triggers.TypeAlert {
		e.counts.Unreleased++
	}
	late, dropped, unreadable := false, false, false
	for _, i := range signals {
		t.feeds[i].hear(e.now, at)
		s := t.signals[i]
		r := e.columns.read(ev, s)
		for _, slot := range s.slots {
			c := t.cells[slot]
			if !c.touched {
				t.touch(slot, e.now)
			}
			if c.book != nil {
				e.alert(t, c, ev, r, at, i)
				continue
			}
			if arm == atNeither {
				continue
			}
			m, what := c.slot.measure(r)
			if what == counted {
				filed := c.add(arm, m, at, e.now)
				late = late || filed == window.Late
				dropped = dropped || filed == window.TooLate
			}
			unreadable = unreadable || what == garbled
		}
	}
	e.tally(late, dropped, unreadable)
}

func (e *Evaluator) tally(late, dropped, unreadable bool) {
	for _, c := range []struct {
		happened bool
		counter  *uint64
	}{{late, &e.counts.Late}, {dropped, &e.counts.Dropped}, {unreadable, &e.counts.NotFinite}} {
		if c.happened {
			*c.counter++
		}
	}
}

// alert files an alert event into a firing() slot.
func (e *Evaluator) alert(t *target, c *cell, ev *triggers.Event, r *row, at int64, signal int) {
	passes := (c.slot.where == nil || c.slot.where(r)) && (c.slot.pred == nil || c.slot.pred(r))
	a, firing := readAlert(ev, at, e.now)
	if !c.book.take(a, firing, passes) {
		e.counts.Overflow++
	}
	if !slices.Contains(e.urgent, t) {
		e.urgent = append(e.urgent, t)
	}
	for _, rule := range t.layout.urgent[signal] {
		if !slices.Contains(t.alerted, rule) {
			t.alerted = append(t.alerted, rule)
		}
	}
	slices.Sort(t.alerted)
}

// Next is the earliest boundary at which anything can change without further
// events; the zero time when there is none. An idle log need not be ticked before
// it.
func (e *Evaluator) Next() time.Time {
	for len(e.due) > 0 {
		top := e.due[0]
		if t := e.targets[top.who]; t != nil && t.queued == top.due {
			return moment(top.due)
		}
		e.due.pop()
	}
	return time.Time{}
}

// Known is the share of the evaluations of a version, of all rules of a target,
// that were not UNKNOWN; every boundary up to the last message counts, also those
// that were skipped because nothing could change. Rules that compare with a version
// before it do not count where there is none. It is -1 when there were none.
// The last 16 versions of a target are remembered.
func (e *Evaluator) Known(target, version string) float64 {
	t := e.targets[target]
	if t == nil {
		return -1
	}
	return t.known(version, e.now)
}

// Counters is what was left out, and why.
func (e *Evaluator) Counters() Counters {
	c := e.counts
	c.Mismatched, c.Forgotten = e.columns.mismatched, e.seen.lapsed
	return c
}
