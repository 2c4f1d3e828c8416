package rules

import (
	"fmt"
	"time"
)

// Mode says how far a rule may go by itself. A target's own mode and the rule
// source's max_mode are ceilings: the lowest wins.
type Mode uint8

// The modes, from the least to the most trusted.
const (
	Observe Mode = iota // record what would have been done
	Approve             // ask, and act when people say yes
	Veto                // tell, and act when nobody says no in time
	Auto                // act
)

var modeNames = [...]string{"observe", "approve", "veto", "auto"}

func (m Mode) String() string { return modeNames[m] }

// MarshalText writes the mode as it stands in YAML and JSON.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a mode; anything but the four names is an error.
func (m *Mode) UnmarshalText(text []byte) error {
	for i, name := range modeNames {
		if name == string(text) {
			*m = Mode(i)
			return nil
		}
	}
	return fmt.Errorf("mode %q: want observe, approve, veto or auto", text)
}

// State is what a rule says about one version of one target.
type State string

// The states of a rule. Insufficient and Stale are UNKNOWN with its reason: thin
// data and no fresh data.
const (
	Inactive     State = "inactive"
	Pending      State = "pending"
	Firing       State = "firing"
	Resolved     State = "resolved"
	Insufficient State = "insufficient"
	Stale        State = "stale"
)

// Truth is a value of three-valued logic. Only True fires.
type Truth int8

// The three values. Their order makes And the minimum and Or the maximum.
const (
	False   Truth = -1
	Unknown Truth = 0
	True    Truth = 1
)

func (t Truth) String() string {
	switch t {
	case True:
		return "TRUE"
	case False:
		return "FALSE"
	case Unknown:
	}
	return "UNKNOWN"
}

// And, Or and Not are Kleene's.
func (t Truth) And(u Truth) Truth { return min(t, u) }

// Or is the greater of the two.
func (t Truth) Or(u Truth) Truth { return max(t, u) }

// Not swaps True and False.
func (t Truth) Not() Truth { return -t }

// Verdict is one change of what a rule says about a version of a target.
type Verdict struct {
	At      time.Time `json:"at"`
	Rule    string    `json:"rule"`
	Target  string    `json:"target"`
	Version string    `json:"version"`
	Group   string    `json:"group,omitempty"` // the by-group, where the rule has some
	State   State     `json:"state"`
	Value   float64   `json:"value"`
	Reason  string    `json:"reason"` // one sentence with the numbers in it
}

// Decision says that a rule has fired on a version of a target, with the
// evidence. It is made once for an episode, and once more, with the same ID,
// when Confirmed turns true.
type Decision struct {
	// ID is a hash of rule hash, target, version and episode start: a replay of
	// the same log makes the same decisions with the same IDs.
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Episode time.Time `json:"episode"` // when the condition first held

	Rule     string `json:"rule"`
	Group    string `json:"group"` // the rule file's group
	Trigger  string `json:"trigger"`
	Severity string `json:"severity"`
	Mode     Mode   `json:"mode"`
	Target   string `json:"target"`
	Version  string `json:"version"`            // the version that is bad
	Previous string `json:"previous,omitempty"` // the arm it was compared with

	// Confirmed tells that the rule may act by itself as far as its evidence
	// goes: a live holdback has confirmed what history said, or the condition
	// compares with no history at all. Confirmation is the sentence why or why
	// not.
	Confirmed    bool   `json:"confirmed"`
	Confirmation string `json:"confirmation,omitempty"`

	Evidence Evidence `json:"evidence"`

	Summary string `json:"summary,omitempty"` // the annotation, rendered
	Runbook string `json:"runbook,omitempty"`

	RuleHash string `json:"rule_hash"`
	File     string `json:"file,omitempty"`
	Commit   string `json:"commit,omitempty"`
}

// Evidence is what a decision rests on.
type Evidence struct {
	// Reason is one sentence with the numbers in it. It is what people read at
	// night.
	Reason string `json:"reason"`
	// Slots are the aggregates that the condition read, in the order of the
	// source; Values are the rule's own named values.
	Slots  []Reading         `json:"slots,omitempty"`
	Values map[string]Scalar `json:"values,omitempty"`
	// Newest is the event time of the youngest sample in it.
	Newest time.Time `json:"newest,omitzero"`
	// Events are the ids of a few events behind it, such as the alerts.
	Events []string `json:"events,omitempty"`
}

// Scalar is a number that may be absent: JSON has no NaN.
type Scalar struct {
	Value float64 `json:"value"`
	State State   `json:"state,omitempty"` // Insufficient or Stale when there is no value
}

// Reading is what one aggregate call gave at one moment.
type Reading struct {
	Call     string  `json:"call"` // as in the rule file, on one line
	Value    float64 `json:"value"`
	State    State   `json:"state,omitempty"` // Insufficient or Stale, else empty
	N        float64 `json:"n"`               // samples behind it
	Previous float64 `json:"previous,omitempty"`
	NPrev    float64 `json:"n_previous,omitempty"`
	Limit    float64 `json:"limit,omitempty"` // what it is compared with
	Low      float64 `json:"low,omitempty"`   // interval of Value, 95 %
	High     float64 `json:"high,omitempty"`
	LogE     float64 `json:"log_e,omitempty"` // evidence of a sequential test, in nats
	Need     float64 `json:"need,omitempty"`  // the log e at which it fires
	Reason   string  `json:"reason,omitempty"`
}

// Recovery is what a rule that fired says about the version that was put in
// place of the bad one. It is made at every boundary after the cut-over whose
// truth or second of age has news for the one who waits.
type Recovery struct {
	At      time.Time `json:"at"`
	Rule    string    `json:"rule"`
	Target  string    `json:"target"`
	Bad     string    `json:"bad"` // the version that the rule fired on
	Version string    `json:"version"`
	// Still is True while the condition still holds, False when the value
	// conditions are FALSE and sequential tests say better, else Unknown.
	Still  Truth  `json:"still"`
	Reason string `json:"reason"`
}

// MarshalText writes TRUE, FALSE or UNKNOWN.
func (t Truth) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *Truth) UnmarshalText(text []byte) error {
	switch string(text) {
	case "TRUE":
		*t = True
	case "FALSE":
		*t = False
	case "UNKNOWN":
		*t = Unknown
	default:
		return fmt.Errorf("truth %q: want TRUE, FALSE or UNKNOWN", text)
	}
	return nil
}

// Output is what feeding a message to an Evaluator brought.
type Output struct {
	Verdicts   []Verdict
	Decisions  []Decision
	Recoveries []Recovery
}
