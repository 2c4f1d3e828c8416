package rules

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/ripcord-dev/ripcord/triggers"
)

// target is the state of one target: its arms, the cells of its slots, its rules,
// and when each has to be looked at again.
//
// A rule is due at the next boundary of its interval after an event has touched
// one of its slots, and otherwise when a reading of its slots changes by itself or
// one of its clocks runs out. Between these moments an evaluation would give what
// the last one gave, so none is made: a silent month costs nothing.
type target struct {
	name string
	*layout
	arms
	feeds   []feed
	cells   []*cell
	rules   []ruleState
	lanes   []lane
	due     int64 // the earliest of the lanes
	queued  int64 // the due that the evaluator knows, never: none
	alerted []int // rules that this message's alerts concern
	now     int64 // of the last evaluation

	readings []Reading
	truths   []Truth
	readAt   []int64 // by slot
	frame    frame   // of the rule under evaluation
	detailed []Reading
	unscaled []float64
	shares   []knowledge // by version
	out      *Output
}

// lane is the schedule of the rules of one interval.
type lane struct {
	ready  []uint64 // bits, by index in the lane: to be evaluated at next
	next   int64    // never: none is ready
	timers queue[int]
}

func newTarget(name string, l *layout, now int64) *target {
	t := &target{
		name: name, layout: l, due: never, queued: never, now: now,
		feeds: make([]feed, len(l.signals)), cells: make([]*cell, len(l.slots)), rules: make([]ruleState, len(l.program.rules)),
		lanes: make([]lane, len(l.lanes)), readings: make([]Reading, len(l.slots)), truths: make([]Truth, len(l.slots)), readAt: make([]int64, len(l.slots)),
	}
	for i, s := range l.signals {
		t.feeds[i] = feed{signal: s, slowest: l.slowest[i]}
	}
	for i, s := range l.slots {
		t.cells[i] = newCell(s, &t.feeds[s.signal], l, i, now)
	}
	for i, r := range l.program.rules {
		t.rules[i] = ruleState{Rule: r, state: Inactive, due: never, timer: never}
	}
	for i, lane := range l.lanes {
		t.lanes[i].ready, t.lanes[i].next = make([]uint64, (len(lane.rules)+63)/64), never
	}
	return t
}

// touch makes the readers of a slot due at their next boundary.
func (t *target) touch(slot int, now int64) {
	t.cells[slot].touched = true
	for _, rule := range t.readers[slot] {
		t.wake(rule, now)
	}
}

// wake makes a rule due at its first boundary after now.
func (t *target) wake(rule int, now int64) {
	at := t.berths[rule]
	l := &t.lanes[at.lane]
	l.ready[at.index/64] |= 1 << (at.index % 64)
	if l.next == never {
		l.next = boundary(now+1, t.layout.lanes[at.lane].interval)
		t.due = min(t.due, l.next)
	}
}

// wakeAll makes every rule due at its next boundary.
func (t *target) wakeAll(now int64) {
	for i := range t.cells {
		t.cells[i].touched = true
	}
	for i := range t.rules {
		t.wake(i, now)
	}
}

// schedule makes a rule due at the first boundary at or after due, which lies
// after now.
func (t *target) schedule(rule int, due, now int64) {
	at := t.berths[rule]
	l, interval := &t.lanes[at.lane], t.layout.lanes[at.lane].interval
	due = boundary(max(due, now+1), interval)
	t.rules[rule].due = due
	switch {
	case due == never:
	case due == boundary(now+1, interval):
		l.ready[at.index/64] |= 1 << (at.index % 64)
		l.next = min(l.next, due)
	case due < t.rules[rule].timer:
		t.rules[rule].timer = due
		l.timers.push(alarm[int]{due, rule})
	}
}

// laneDue is when a lane has something to evaluate. Most rules put their timer off
// at each evaluation, so a timer is moved only when it comes up.
func (t *target) laneDue(l *lane) int64 {
	for len(l.timers) > 0 {
		top := l.timers[0]
		r := &t.rules[top.who]
		if r.timer == top.due && r.due == top.due {
			return min(l.next, top.due)
		}
		l.timers.pop()
		if r.timer != top.due {
			continue // brought forward
		}
		r.timer = never
		if r.due > top.due && r.due != never { // put off
			r.timer = r.due
			l.timers.push(alarm[int]{r.due, top.who})
		}
	}
	return l.next
}

// evaluate evaluates what is due at boundary b, and sets due.
func (t *target) evaluate(b int64, out *Output) {
	t.out = out
	for i := range t.lanes {
		if l := &t.lanes[i]; t.laneDue(l) <= b {
			t.evaluateLane(i, l, b)
		}
	}
	t.reschedule()
}

func (t *target) reschedule() {
	t.due = never
	for i := range t.lanes {
		t.due = min(t.due, t.laneDue(&t.lanes[i]))
	}
}

func (t *target) evaluateLane(index int, l *lane, b int64) {
	for t.laneDue(l) <= b {
		if len(l.timers) == 0 || l.timers[0].due > b {
			break
		}
		rule := l.timers.pop().who
		t.rules[rule].timer = never
		at := t.berths[rule]
		l.ready[at.index/64] |= 1 << (at.index % 64)
	}
	l.next = never
	rules := t.layout.lanes[index].rules
	for w := range l.ready {
		set := l.ready[w]
		l.ready[w] = 0
		for ; set != 0; set &= set - 1 {
			t.look(rules[w*64+bits.TrailingZeros64(set)], b, true)
		}
	}
}

// look evaluates a rule: at a boundary, or at once for an alert.
func (t *target) look(rule int, now int64, tick bool) {
	t.now = max(t.now, now)
	r := &t.rules[rule]
	change := never
	for _, slot := range r.slots {
		c := t.cells[slot]
		if t.readAt[slot] != now || c.touched {
			c.read(&t.arms, now, tick, &t.readings[slot], &t.truths[slot])
			t.readAt[slot] = now
		}
		change = min(change, c.change)
	}
	truth, why := t.judge(r)
	due := t.step(r, truth, why, now)
	if r.recovery != nil {
		due = min(due, t.recover(r, now))
	}
	t.schedule(rule, min(due, change), now)
}

// judge evaluates a rule's condition on what its slots say. Where a count has not
// been heard for its whole window yet, the condition is also evaluated with the
// count that a whole window would bring at this rate: if the two differ, nobody
// knows yet.
func (t *target) judge(r *ruleState) (Truth, State) {
	truth := r.cond.eval(r.fill(&t.frame, t.readings, t.truths))
	switch {
	case truth == Unknown:
		return truth, t.why(r.Rule, &t.frame)
	case t.heardOut(r.Rule):
		return truth, ""
	}
	if t.evalScaled(r.Rule, t.readings, t.truths) != truth {
		return Unknown, Insufficient
	}
	return truth, ""
}

// why is STALE when a slot of the condition is, else INSUFFICIENT.
func (t *target) why(r *Rule, f *frame) State {
	for _, slot := range r.condSlot {
		if f.readings[slot].State == Stale {
			return Stale
		}
	}
	return Insufficient
}

func (t *target) heardOut(r *Rule) bool {
	for _, slot := range r.condSlot {
		if t.cells[slot].scale > 1 {
			return false
		}
	}
	return true
}

// evalScaled evaluates the condition with the counts that whole windows would
// bring. readings are as before when it returns.
func (t *target) evalScaled(r *Rule, readings []Reading, truths []Truth) Truth {
	t.unscaled = t.unscaled[:0]
	for _, slot := range r.condSlot {
		t.unscaled = append(t.unscaled, readings[slot].Value)
		readings[slot].Value *= t.cells[slot].scale
	}
	truth := r.cond.eval(r.fill(&t.frame, readings, truths))
	for i, slot := range r.condSlot {
		readings[slot].Value = t.unscaled[i]
	}
	return truth
}

// release takes in a release event.
func (t *target) release(ev *triggers.Event, now, at int64, out *Output) {
	t.out = out
	if q := ev.Fields.Text("quarantined"); q != "" {
		t.quarantined = remember(t.quarantined, q)
	}
	said := ev.Fields.Text("previous")
	if ev.Version == "" {
		return
	}
	first := !t.released && t.current == "" && len(t.ledger) == 0
	if first && said != ev.Version {
		t.current = said // what has come without a version so far was served by it
	}
	t.enter(said)
	previous := t.predecessor(ev.Version, said)
	if ev.Version == t.current && said == "" {
		previous = t.previous // a repetition says nothing new
	}
	t.enter(ev.Version)
	t.released = true
	if ev.Version != t.current || previous != t.previous {
		t.cutOver(ev.Version, previous, now, at)
	}
}

// serve finds the arm of a sample's version. The first version that is seen was
// there before us; as long as nobody tells of releases, a later one is taken for a
// release.
func (t *target) serve(version string, now int64, out *Output) int {
	arm := t.of(version)
	if arm != atNeither || !t.unseen(version) {
		return arm
	}
	t.out = out
	t.enter(version)
	if t.current == "" {
		t.current = version
		return atCurrent
	}
	t.cutOver(version, t.predecessor(version, t.current), now, now)
	return atCurrent
}

// cutOver makes version the current one, with previous as the one before it.
func (t *target) cutOver(version, previous string, now, at int64) {
	replaced := version != t.current
	if replaced {
		for i := range t.rules {
			t.leave(&t.rules[i], version, now)
		}
	}
	for _, c := range t.cells {
		c.cutOver(&t.arms, version, previous, t.watchers, now)
	}
	if replaced {
		t.since, t.began = now, min(max(at, now-int64(time.Hour)), now)
	}
	t.current, t.previous, t.compared = version, previous, previous != ""
	t.wakeAll(now)
}

// leave ends what a rule has said about the current version, which is being
// replaced.
func (t *target) leave(r *ruleState, version string, now int64) {
	r.recovery = nil
	if r.state == Firing {
		t.now = max(t.now, now)
		gone := fmt.Sprintf("%s no longer serves: %s since %s", named(t.current), version, moment(now).Format(time.RFC3339))
		t.verdict(r, Resolved, now, gone)
		r.recovery = newRecovery(r, version, now)
	}
	r.reset(now)
}
