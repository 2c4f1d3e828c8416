package window

import "time"

// Layout is a window's length and the length of its panes.
type Layout struct{ Length, Pane int64 }

// steps are the pane lengths that exist: they divide minutes, hours and days, so
// that common intervals end on a pane's edge.
var steps = [...]time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// NewLayout cuts a window into at most the given number of panes (62 at most, so
// that with a pane more at either end there are 64).
func NewLayout(length time.Duration, panes int) Layout {
	least := length / time.Duration(min(panes, 62))
	for _, step := range steps {
		if step >= least {
			return Layout{Length: int64(length), Pane: int64(step)}
		}
	}
	return Layout{Length: int64(length), Pane: int64(least) + 1}
}

// Filed says what became of a sample.
type Filed uint8

// A sample is InTime while its pane is open, Late when the pane had closed but is
// still held, TooLate when it is not: then it is left out.
const (
	InTime Filed = iota
	Late
	TooLate
)

// Never is the time of a change that does not come.
const Never = int64(1<<63 - 1)

type pane[T any] struct {
	at   int64 // number of the pane since 1970
	data T
}

// total is told which panes come into the window and which leave it.
type total[T any] interface {
	enter(*T)
	leave(*T)
}

// panes is the queue of panes that hold samples, in the order of time: first
// those inside the window, then those ahead of its end.
type panes[T any] struct {
	Layout
	queue  []pane[T]
	head   int // queue[head:] is in use
	inside int // queue[head:inside] is inside the window
	lo, hi int64
	until  int64 // lo and hi hold for ends below it
}

// roll moves the window's end forward.
func (p *panes[T]) roll(end int64, t total[T]) {
	if end < p.until {
		return
	}
	p.lo, p.hi = floor(end-p.Length, p.Pane), floor(end-1, p.Pane)
	p.until = min((p.lo+1)*p.Pane+p.Length, (p.hi+1)*p.Pane+1)
	for p.inside < len(p.queue) && p.queue[p.inside].at <= p.hi {
		t.enter(&p.queue[p.inside].data)
		p.inside++
	}
	for p.head < p.inside && p.queue[p.head].at < p.lo {
		leaving := &p.queue[p.head]
		p.head++
		t.leave(&leaving.data)
	}
	p.compact()
}

// compact takes back the room of panes that have left, before the queue grows.
func (p *panes[T]) compact() {
	if p.head < 64 && p.head < len(p.queue) {
		return
	}
	n := copy(p.queue, p.queue[p.head:])
	clear(p.queue[n:])
	p.queue, p.inside, p.head = p.queue[:n], p.inside-p.head, 0
}

// file finds the pane of a sample of time t, or makes it. It is nil when the
// sample is too late; inside tells that the pane counts already. The window must
// have been rolled.
func (p *panes[T]) file(t, end int64) (data *T, inside bool, filed Filed) {
	at := floor(t, p.Pane)
	if at < p.lo {
		return nil, false, TooLate
	}
	if (at+1)*p.Pane <= end {
		filed = Late
	}
	i := len(p.queue)
	for i > p.head && p.queue[i-1].at > at {
		i--
	}
	if i > p.head && p.queue[i-1].at == at {
		return &p.queue[i-1].data, i-1 < p.inside, filed
	}
	p.queue = append(p.queue, pane[T]{})
	copy(p.queue[i+1:], p.queue[i:])
	p.queue[i] = pane[T]{at: at}
	if at <= p.hi {
		p.inside++
	}
	return &p.queue[i].data, at <= p.hi, filed
}

// held is the panes inside the window.
func (p *panes[T]) held() []pane[T] { return p.queue[p.head:p.inside] }

// Change is the earliest end at which the window holds something else than now,
// if no samples come; Never when nothing is held.
func (p *panes[T]) Change() int64 {
	next := Never
	if p.head < p.inside {
		next = (p.queue[p.head].at+1)*p.Pane + p.Length
	}
	if p.inside < len(p.queue) {
		next = min(next, p.queue[p.inside].at*p.Pane+1)
	}
	return next
}

// floor is a/b rounded down, for b > 0.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
