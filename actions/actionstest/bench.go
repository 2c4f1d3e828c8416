// Package actionstest holds the suite that every kind of action must pass,
// in-process and through every carrier. A kind brings a Bench; the suite brings
// the questions: does planning change nothing, is twice once, is drift refused.
package actionstest

import (
	"testing"

	"github.com/ripcord-dev/ripcord/actions"
)

// Bench is one fresh place with the versions of Versions in it, v2 live. The
// functions about the place work behind the action's back, as another program
// would.
type Bench struct {
	// Open makes an action at the place, as a restarted daemon or another replica
	// would. Every call gives a new one.
	Open func(t *testing.T) actions.Action
	// Add makes one more version without making it live.
	Add func(t *testing.T, version string)
	// Remove makes a version unavailable.
	Remove func(t *testing.T, version string)
	// Set makes a version live: the foreign change.
	Set func(t *testing.T, version string)
	// Live is the version that is live, from the outside oracle.
	Live func(t *testing.T) string
	// Effects counts the effective mutations so far, whoever made them, from the
	// outside oracle. What changes nothing does not count.
	Effects func(t *testing.T) int
	// State is everything at the place that a read must not change. Optional.
	State func(t *testing.T) string

	// Faults that the kind can have. Optional; the suite says what it left out.

	// Hang lets the next Execute take effect while its answer never comes, until
	// heal is called.
	Hang func(t *testing.T) (heal func())
	// Deny lets the place refuse for want of rights, until heal is called.
	Deny func(t *testing.T) (heal func())
	// Busy lets the place refuse for now, without having done anything, until heal
	// is called.
	Busy func(t *testing.T) (heal func())
}

// The versions of a fresh bench: Good is to be gone back to from Bad.
const (
	Good = "v1"
	Bad  = "v2"
)

// Versions are those of a fresh bench, oldest first. The last one is live.
func Versions() []string { return []string{Good, Bad} }

// Coverage tells which faults a bench has, for a test that holds all kinds
// together to "every fault is exercised by one of them".
func (b Bench) Coverage() map[string]bool {
	return map[string]bool{
		"answer lost": b.Hang != nil, "denied": b.Deny != nil, "busy": b.Busy != nil, "state of the place": b.State != nil,
	}
}
