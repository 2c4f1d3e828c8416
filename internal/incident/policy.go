package incident

import (
	"time"

	"github.com/ripcord-dev/ripcord/rules"
)

// Policy is what ripcord.yml says about one target: the ceilings that no rule
// file can lift. A zero guard (Attribution, Cooldown, PerTarget, MaxEventAge,
// KnownGoodAfter) is no guard; other zeros mean a default.
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

// The defaults of what a Policy leaves out.
const (
	defaultExpires = 15 * time.Minute
	defaultVeto    = 5 * time.Minute
	defaultWithin  = 5 * time.Minute
	defaultTimeout = time.Minute
)

func (p Policy) withDefaults() Policy {
	p.Quorum = max(p.Quorum, 1)
	p.Expires = orDefault(p.Expires, defaultExpires)
	p.Veto = orDefault(p.Veto, defaultVeto)
	return p
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// timeout bounds one attempt at a step.
func (s Stage) timeout(step string) time.Duration {
	for _, ref := range s.Steps {
		if ref.ID == step {
			return orDefault(ref.Timeout, defaultTimeout)
		}
	}
	return defaultTimeout
}

func (s Stage) within() time.Duration { return orDefault(s.Within, defaultWithin) }
