package incident

import (
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/rules"
)

// Input is one thing that happened to a target. The set is closed: Step knows
// every kind.
type Input interface{ input() }

// What can happen.
type (
	// Decide brings a decision of a rule, or its confirmation.
	Decide struct {
		Decision rules.Decision
		World    World
	}
	// Resolve tells that a rule has resolved on a version.
	Resolve struct{ Verdict rules.Verdict }
	// Recover brings what a rule says after the act.
	Recover struct{ Recovery rules.Recovery }

	// Released announces that a version went live: a release event, or the CLI.
	Released struct {
		Version, Previous string
		At                time.Time
		Actor, Commit     string
		Known             float64 // of the version that it replaces; negative when not counted
	}
	// Looked brings what the identity step of the target saw.
	Looked struct {
		Step  string
		Sight actions.Sight
	}

	// PlanMade answers a MakePlan effect. World is needed when it may lead
	// straight to the act.
	PlanMade struct {
		Plan  actions.Plan
		World World
	}
	// PlanFailed answers it when no plan could be made.
	PlanFailed struct {
		Code actions.Code
		Text string
	}

	// Approve is a person's yes to one plan, named by its digest. A zero Revision
	// or an empty Digest is refused.
	Approve struct {
		Incident string
		By       Person
		Digest   string
		Revision int
		Note     string
		World    World
	}
	// Deny is a person's no: to a plan in approval, or as a veto.
	Deny struct {
		Incident string
		By       Person
		Digest   string
		Revision int
		Note     string
	}
	// Rollback is a person's command. An empty To means the known good version.
	Rollback struct {
		By     Person
		To     string
		Reason string
		World  World
	}
	// Close ends an open incident by hand; Retry plans a failed one anew.
	Close struct {
		Incident string
		By       Person
		Reason   string
	}
	Retry struct {
		Incident string
		By       Person
		World    World
	}

	// Executed and ExecuteFailed answer an Execute effect.
	Executed struct {
		Incident string
		Step     int
		Attempt  int
	}
	ExecuteFailed struct {
		Incident string
		Step     int
		Attempt  int
		Code     actions.Code
		Text     string
	}
	// Checked and CheckFailed answer a Check effect.
	Checked struct {
		Incident string
		Step     int
		Verdict  actions.Verdict
		World    World // before a call may be repeated the switches are read again
	}
	CheckFailed struct {
		Incident string
		Step     int
		Text     string
	}

	// SetFreeze and Unfreeze move the target's own switch.
	SetFreeze struct {
		By     Person
		Until  time.Time
		Reason string
	}
	Unfreeze struct {
		By     Person
		Reason string
	}
	// Lift takes a version out of quarantine; Quarantine puts one in.
	Quarantine struct {
		By      Person
		Version string
		Reason  string
	}
	Lift struct {
		By      Person
		Version string
		Reason  string
	}

	// Posted tells that a notifier has confirmed a message.
	Posted struct {
		Incident string
		Notifier string
		Post     Post
	}
	// Restarted is the first input after a daemon has taken a target over: a call
	// that was running is unknown now. Same tells that its writer is known dead,
	// because this is the same single daemon; the call of another replica is left
	// alone until its deadline.
	Restarted struct{ Same bool }
	// Tick lets deadlines pass. It may come late, early and twice.
	Tick struct{ World World }
)

func (Decide) input()        {}
func (Resolve) input()       {}
func (Recover) input()       {}
func (Released) input()      {}
func (Looked) input()        {}
func (PlanMade) input()      {}
func (PlanFailed) input()    {}
func (Approve) input()       {}
func (Deny) input()          {}
func (Rollback) input()      {}
func (Close) input()         {}
func (Retry) input()         {}
func (Executed) input()      {}
func (ExecuteFailed) input() {}
func (Checked) input()       {}
func (CheckFailed) input()   {}
func (SetFreeze) input()     {}
func (Unfreeze) input()      {}
func (Quarantine) input()    {}
func (Lift) input()          {}
func (Posted) input()        {}
func (Restarted) input()     {}
func (Tick) input()          {}

// World is what a guard must know of things outside the target, read just before
// the input was made. What could not be read counts as engaged.
type World struct {
	// Frozen is the sentence of the fleet's freeze or of the file switch; empty
	// when neither is engaged.
	Frozen string
	// Granted tells that the fleet has reserved a place for this incident's act;
	// Refused is the fleet's sentence when it has not.
	Granted bool
	Refused string
}

// Effect is one thing to do after the record is in the journal. The set is
// closed.
type Effect interface{ effect() }

// What Step can ask for. Telling people is no effect: notifiers follow the
// journal.
type (
	// MakePlan asks for the plan of one stage.
	MakePlan struct {
		Incident string
		Stage    int
		From, To string
		// Revisions are what the ledger has for To, by step id.
		Revisions map[string]actions.Revision
	}
	// Execute asks for one attempt at one step.
	Execute struct {
		Incident string
		Step     int
		Plan     actions.Plan
		Attempt  actions.Attempt
	}
	// Check asks where a step's place stands, after After.
	Check struct {
		Incident string
		Step     int
		Plan     actions.Plan
		After    time.Duration
	}
	// Announce asks for a release event, so that the rules change their arms.
	Announce struct {
		Incident          string
		Version, Previous string
		Quarantined       string // the version that was taken back
	}
	// Reconsider asks for the decisions that hold at that time: a guard that held
	// one back may have let go.
	Reconsider struct{ At time.Time }
)

func (MakePlan) effect()   {}
func (Execute) effect()    {}
func (Check) effect()      {}
func (Announce) effect()   {}
func (Reconsider) effect() {}

// Entry is one transition in words, for the audit trail and for people.
type Entry struct {
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"` // a State, or: held, joined, resolved, released, frozen, …
	Incident string    `json:"incident,omitempty"`
	Revision int       `json:"revision,omitempty"` // of the incident, after it
	By       string    `json:"by"`                 // rule:<name>, person:<name>, ripcord
	Text     string    `json:"text"`               // one sentence with its numbers
}

// Refused is the error of an input that the state does not allow. Nothing has
// changed.
type Refused struct {
	Code RefusedCode
	Text string // for the one who asked, with who was first
}

func (r *Refused) Error() string { return r.Text }

// RefusedCode says how a door should answer.
type RefusedCode string

// The codes and the HTTP status that goes with each.
const (
	Conflict  RefusedCode = "conflict"  // 409: somebody was first, or the plan changed
	Forbidden RefusedCode = "forbidden" // 403: not among those who may
	NotFound  RefusedCode = "not_found" // 404: no such incident or version
	Invalid   RefusedCode = "invalid"   // 400: the input makes no sense here
)

// Outcome is the answer of Step: the new state, the entries to record with it,
// and what to do once both are in the journal. No entries means that nothing
// changed and nothing is written.
type Outcome struct {
	State   Target
	Entries []Entry
	Effects []Effect
}
