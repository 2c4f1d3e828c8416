package rules

import (
	"fmt"
	"math"
	"time"

	"github.com/ripcord-dev/ripcord/rules/stat"
	"github.com/ripcord-dev/ripcord/rules/window"
)

// frozenFor is how long the last window of a version that has been replaced
// stands for it.
const frozenFor = 24 * time.Hour

// cell is the state of one slot of one target.
//
// A slot of the current arm has a window of the current version, which begins
// anew at each cut-over. One of the previous arm, and a comparison, have windows
// of both, because the current version is the previous one of tomorrow; at the
// cut-over the current version's last full window is kept. It stands for the
// previous version until that has served a whole window as a live holdback, with
// as many samples as the slot's readers want, and for 24 h at most.
type cell struct {
	slot  *slot
	feed  *feed
	floor float64 // samples that the readers want

	live     [2]store
	frozen   Reading
	frozenAt int64 // 0: nothing is frozen
	trial    *trial
	book     *alertBook

	touched bool    // a reader has been told since the cell was last read
	scale   float64 // window/covered where a count has not been heard out, else 1
	change  int64   // when the reading changes next, if nothing comes
}

// feed is the freshness of one signal of one target.
type feed struct {
	signal  *signal
	slowest int64 // the longest interval of its readers
	last    int64 // stream time of the last event, 0: none yet
	began   int64 // heard without a silence since then
	newest  int64 // the youngest event time
	step    int64 // learned: how far apart its messages are
}

// hear notes an event. The step follows the longest gaps: it grows to at most
// twice itself at once, so that an outage is not taken for a habit, and shrinks
// slowly.
func (f *feed) hear(now, at int64) {
	if f.last == 0 || now-f.last > f.maxAge() {
		f.began = now
	}
	f.newest = max(f.newest, at)
	gap := now - f.last
	switch {
	case f.last == 0:
		f.last = now
		return
	case gap == 0:
		return
	case f.step == 0:
		f.step = gap
	default:
		f.step = max(f.step-f.step/128, min(gap, 2*f.step))
	}
	f.last = now
}

// maxAge is how long the source may be silent: as declared, else three of its own
// steps or three intervals, whichever is longer, and the delay; at least 30 s.
func (f *feed) maxAge() int64 {
	if f.signal.maxAge > 0 {
		return int64(f.signal.maxAge)
	}
	return max(3*max(f.step, f.slowest)+int64(f.signal.delay), int64(30*time.Second))
}

// staleAt is from when on a window of that length is STALE: the source has been
// silent for max_age, or what it sends lags by more than that and by more than
// the delay and 5 % of the window.
func (f *feed) staleAt(length time.Duration) int64 {
	age := f.maxAge()
	return min(f.last+age, f.newest+max(age, int64(f.signal.delay+length/20))) + 1
}

func newCell(s *slot, f *feed, l *layout, index int, now int64) *cell {
	c := &cell{slot: s, feed: f, floor: l.floor[index], scale: 1, change: never}
	if s.fn == fnFiring {
		c.book = new(alertBook)
		return c
	}
	c.live[atCurrent] = newStore(s, now)
	if c.both() {
		c.live[atPrevious] = newStore(s, now)
	}
	if s.fn == fnSeqShare {
		c.trial = newTrial(s, stat.Counts{}, l.watchers, now)
	}
	return c
}

// both tells that the slot keeps windows of both arms.
func (c *cell) both() bool { return c.slot.arm == armPrevious || c.slot.fn == fnSeqShare }

// add files a measured event of an arm.
func (c *cell) add(arm int, m measure, t, now int64) window.Filed {
	if arm == atPrevious && !c.both() {
		return window.InTime
	}
	filed := c.live[arm].add(t, c.end(now), m)
	if c.trial == nil {
		return filed
	}
	c.trial.add(arm, m, now) // in the order of arrival, however late
	return window.InTime
}

// end is where the window ends at a moment.
func (c *cell) end(now int64) int64 { return max(now-int64(c.feed.signal.delay), 0) }

// cutOver makes version the current one and previous the one it is compared with;
// a still holds the arms before.
func (c *cell) cutOver(a *arms, version, previous string, watchers int, now int64) {
	if c.book != nil {
		return
	}
	old := c.live
	if !c.both() {
		if version != a.current {
			c.live[atCurrent] = newStore(c.slot, now)
		}
		return
	}
	c.freeze(a, previous, now)
	c.live = [2]store{newStore(c.slot, now), newStore(c.slot, now)}
	for arm, name := range []string{version, previous} {
		switch {
		case name == a.current:
			c.live[arm] = old[atCurrent]
		case a.compared && name == a.previous:
			c.live[arm] = old[atPrevious]
		}
	}
	if c.trial != nil {
		base := c.trial.base
		switch {
		case previous == "":
			base = stat.Counts{}
		case previous != a.previous || !a.compared:
			n := c.live[atPrevious].sums.Roll(c.end(now))
			base = stat.Counts{Bad: n.Bad, N: n.N}
		}
		c.trial = newTrial(c.slot, base, watchers, now)
	}
}

// freeze keeps the window of the version that stops being current, if it is what
// the next one will be compared with.
func (c *cell) freeze(a *arms, previous string, now int64) {
	switch {
	case c.trial != nil || a.compared && previous == a.previous:
	case previous == a.current:
		c.frozen, c.frozenAt = c.window(atCurrent, now), now
	default:
		c.frozenAt = 0
	}
}

// window reads the window of an arm.
func (c *cell) window(arm int, now int64) Reading {
	s := &c.live[arm]
	value, n := s.read(c.slot, c.end(now))
	r := Reading{N: n}
	if math.IsNaN(value) || n == 0 && !c.slot.extensive() || n < c.slot.min {
		r.State = Insufficient
	} else {
		r.Value = value
	}
	return r
}

// extensive tells that the value grows with the length of what has been heard.
func (s *slot) extensive() bool { return s.fn == fnCount || s.fn == fnRate || s.fn == fnSum }

// read is what the slot says at a moment; only the numbers that conditions look
// at. tick tells that the moment is a boundary, where a comparison may close its
// tick.
func (c *cell) read(a *arms, now int64, tick bool, r *Reading, truth *Truth) {
	*r, *truth = Reading{Call: c.slot.call}, Unknown
	c.scale, c.touched = 1, false
	if c.book != nil {
		b := c.book.ring(a, c.slot.timeout, now, false)
		c.change = c.book.change(c.slot.timeout, now)
		r.Value, r.N, *truth = float64(len(b.ringing)), float64(len(b.ringing)), b.truth()
		if *truth == Unknown {
			r.State = Stale
		}
		return
	}
	if c.trial != nil {
		if tick {
			c.trial.advance(now)
		}
		c.trial.read(r)
		*truth, c.change = c.trial.truth(), c.trial.change()
	} else {
		c.readWindow(a, now, r)
	}
	c.age(now, r, truth)
	if c.scale > 1 && r.State == "" {
		c.change = min(c.change, now+1) // the scale changes at every boundary
	}
}

func (c *cell) readWindow(a *arms, now int64, r *Reading) {
	arm := atCurrent
	if c.slot.arm == armPrevious {
		arm = atPrevious
	}
	got := c.window(arm, now)
	delay := int64(c.feed.signal.delay)
	c.change = later(c.live[arm].change(), delay)
	covered := c.end(now) - max(c.live[arm].since, c.feed.began)
	if arm == atPrevious {
		if !a.compared {
			got.State = Insufficient
		} else if c.frozenAt != 0 && (now-c.frozenAt < int64(c.slot.window) || got.State != "" || got.N < c.floor) {
			got = c.thawed(now)
			covered = int64(c.slot.window)
		}
	}
	if c.slot.extensive() && covered < int64(c.slot.window) {
		c.scale = float64(c.slot.window) / float64(max(covered, int64(time.Millisecond)))
	}
	r.Value, r.N, r.State = got.Value, got.N, got.State
}

// thawed is the frozen reading, as long as it stands.
func (c *cell) thawed(now int64) Reading {
	r := c.frozen
	ends := c.frozenAt + int64(frozenFor)
	if now >= ends {
		r.State, r.Value = Insufficient, 0
		return r
	}
	c.change = min(c.change, ends)
	if w := c.frozenAt + int64(c.slot.window); w > now {
		c.change = min(c.change, w)
	}
	return r
}

// age makes the reading STALE when its source is.
func (c *cell) age(now int64, r *Reading, truth *Truth) {
	if c.feed.last == 0 {
		r.State, r.Value, *truth = Insufficient, 0, Unknown
		return
	}
	stale := c.feed.staleAt(c.slot.window)
	if now >= stale {
		r.State, *truth = Stale, Unknown
		return
	}
	c.change = min(c.change, stale)
}

// detail is read with all that people want to know. It changes nothing.
func (c *cell) detail(a *arms, now int64, r *Reading) {
	switch {
	case c.book != nil:
		b := c.book.ring(a, c.slot.timeout, now, false)
		r.Reason = b.explain(c.slot.noun, c.slot.timeout)
	case c.feed.last == 0:
		r.Reason = "nothing has come from " + c.feed.signal.name + " yet"
	case r.State == Stale:
		r.Reason = fmt.Sprintf("the youngest sample of %s is from %s and came %s ago (max_age %s)", c.feed.signal.name,
			moment(c.feed.newest).Format(time.RFC3339), time.Duration(now-c.feed.last).Round(time.Millisecond), time.Duration(c.feed.maxAge()).Round(time.Millisecond))
	case c.trial != nil:
		c.trial.explain(r, a)
	default:
		c.detailWindow(a, now, r)
	}
}

func (c *cell) detailWindow(a *arms, now int64, r *Reading) {
	switch {
	case c.slot.arm == armPrevious && !a.compared:
		r.Reason = fmt.Sprintf("%s has no version before it to compare with", named(a.current))
	case c.slot.arm == armPrevious && r.State != "" && c.frozenAt != 0 && now-c.frozenAt >= int64(frozenFor):
		r.Reason = fmt.Sprintf("the last window of %s is more than a day old", named(a.previous))
	case r.State != "":
		r.Reason = fmt.Sprintf("%s of %s samples", countText(r.N), countText(max(c.slot.min, 1)))
	case c.slot.fn == fnShare:
		r.Low, r.High = stat.Wilson(r.Value*r.N, r.N, .95)
	}
}
