package incident

import (
	"time"

	"github.com/ripcord-dev/ripcord/rules"
)

// Policy is what ripcord.yml says about one target: the ceilings that no rule
// file can lift.
type Policy struct {
	Target string
	Mode   rules.Mode
	// Approvers are names of people or group:<name>; empty means that nobody can
	// approve.
	Approvers []string
	Quorum    int // at least 1
	// Self lets the one who made the release approve.
	Self    bool
	Expires time.Duration // of an approval; the answer to silence is no
	Veto    time.Duration // the length of a veto window
	// Attribution is how long after a release a rule may act by itself.
	Attribution time.Duration
	Stages      []Stage
	Guards      Guards
}

// Stage is one rung of the ladder: steps that are all done in order.
type Stage struct {
	Name  string
	Steps []StepRef
	// Stable is how long the rules must say FALSE; Within how long they have.
	Stable, Within time.Duration
}

// StepRef names a configured step; its settings stay with the actions.
type StepRef struct {
	ID, Kind string
	// Timeout bounds one attempt.
	Timeout time.Duration
}

// Guards are the daemon's limits.
type Guards struct {
	Cooldown       time.Duration
	PerTarget      Rate
	MaxEventAge    time.Duration
	KnownGoodAfter time.Duration
}

// Rate is at most N in Per.
type Rate struct {
	N   int
	Per time.Duration
}
