package rules

import (
	"text/template"
	"time"

	"github.com/ripcord-dev/ripcord/triggers"
)

// This file is the compiled form: what the front of the package (parse, check,
// lift) hands to its back (windows, evaluation). It is immutable and holds no
// state, so every target with the same groups shares one program.

// program is everything that is evaluated for one target.
type program struct {
	signals []*signal
	slots   []*slot          // one for each distinct aggregate call
	rules   []*Rule          // in the order of the files
	byType  map[string][]int // event type → signals that feed on it
}

// signal is a declared stream of events: its type and the fields that any rule
// of the program reads, as columns of a row.
type signal struct {
	name   string
	typ    string
	fields []field // only those that somebody reads; a column is an index here
	delay  time.Duration
	maxAge time.Duration // 0: learned
	slots  []int         // those that read it: an event touches no others
}

type field struct {
	name string
	kind triggers.Kind
}

// row is one event as the columns of its signal. A field that is missing or of
// another kind than declared is Missing.
type row struct {
	event   *triggers.Event
	columns []triggers.Value
}

// predicate and numeric are event-side programs. They are safe for concurrent
// use and do not allocate. In a predicate each leaf (a comparison, a test of a
// text, a boolean field) that reads a missing column is false, and so is its
// negation: `not (decision == "block")` does not hold for an event without a
// decision. A numeric then has no value, nor has it where its result is not a
// finite number, and the event is left out.
type (
	predicate func(*row) bool
	numeric   func(*row) (float64, bool)
)

// function names what a slot computes.
type function uint8

const (
	fnCount function = iota
	fnRate
	fnSum
	fnAvg
	fnMin
	fnMax
	fnQuantile
	fnShare
	fnFiring
	fnSeqShare
)

// arm says whose events a slot reads: those of the version that is judged, or
// those of the known good one before it.
type arm uint8

const (
	armCurrent arm = iota
	armPrevious
)

// slot is one aggregate call, lifted out of its condition. Slots with equal keys
// are one slot. Keys say everything that the slot's state depends on (the
// signal's type, delay and max_age, the kinds of the fields) and nothing else:
// equal keys of two Sets are the same window, whatever files they stand in.
type slot struct {
	key    string // canonical text of the call, arm included
	call   string // as written, on one line: for people
	noun   string // what it measures, for sentences: `p99 of latency_ms`
	fn     function
	signal int
	// where is the call's option of that name: an event for which it is false
	// does not exist for this slot, neither as good nor as bad. nil: every event.
	where  predicate
	pred   predicate     // nil: every event (and with bad >= 0, where it is always nil)
	num    numeric       // nil where the function counts
	window time.Duration // 0 of fnFiring and fnSeqShare
	arm    arm
	q      float64 // of fnQuantile
	seq    seqOptions
	min    float64 // fewer samples are INSUFFICIENT; Rule.frame applies it
	weight int     // column of the row's weight, -1: each event counts once
	// bad is the column of the row's bad count, -1: the predicate says. Where it
	// is set, weight is too. Only fnShare and fnSeqShare have it.
	bad int
	// timeout is how long an alert counts as firing without news (fnFiring).
	timeout time.Duration
}

// seqOptions are those of a peek-safe comparison (detection.md §2).
type seqOptions struct {
	margin     float64 // at least 1; with lower the bound is 1/margin
	watch      bool    // Shiryaev-Roberts restart form; else bake
	alpha      float64
	tick       time.Duration // never 0: the group's interval within 1 s … 60 s unless written
	lower      bool          // less is worse
	randomised bool          // the arms are split at random (default)
}

// frame is what a condition is evaluated on: the reading of every slot, by slot
// index, with the minimums of the slots and of the rule applied to those that
// the rule reads. Rule.frame and Rule.fill make it, and nothing else does.
type frame struct {
	readings []Reading
	truths   []Truth // of boolean slots (firing, seq_share); Unknown for others
	minimum  float64 // the rule's min_samples

	// buffers of fill, kept from one evaluation to the next
	ownReadings []Reading
	ownTruths   []Truth
}

// condition is a node of the boolean skeleton. eval is three-valued: a
// comparison that reads a slot without a value is UNKNOWN.
type condition interface {
	eval(*frame) Truth
	// walk visits the leaves (comparisons and boolean slots) in source order.
	walk(func(leaf))
}

// leaf is the smallest thing that is TRUE, FALSE or UNKNOWN: a comparison, or a
// boolean slot.
type leaf interface {
	condition
	// text is the leaf as written, on one line.
	text() string
	// slots are the indices that it reads.
	slots() []int
	// explain says in one clause, with the numbers, what it found:
	// "p99 of latency_ms is 412 over 2m (n 1,204), above 150".
	explain(*frame) string
	// sides are the left and right value of a comparison; ok is false for a
	// boolean slot or where a side has no value.
	sides(*frame) (left, right float64, ok bool)
}

// value is a numeric expression over slots (a rule's values: entry).
type value struct {
	name string
	eval func(*frame) (float64, State) // State Insufficient or Stale: no value
}

// Rule is one compiled rule.
type Rule struct {
	Name, Group, Trigger, Severity string
	File                           string
	Line                           int
	Commit                         string
	Hash                           string // of normalised if/for/min_*/signals
	Mode                           Mode   // already under its source's max_mode
	Interval                       time.Duration
	For, KeepFiring                time.Duration
	MinSamples                     float64
	NotifyOnNoData                 bool

	cond     condition
	source   string // the condition as written
	values   []value
	slots    []int              // read by cond or values, each once, ascending
	floors   []float64          // beside slots: fewer samples are INSUFFICIENT
	condSlot []int              // read by cond, each once, in the order of the source
	instant  bool               // reads alerts: evaluated at once, not only at boundaries
	compares bool               // reads a slot that compares with the version before
	summary  *template.Template // rendered by Rule.summarize; nil: none
	runbook  string
}
