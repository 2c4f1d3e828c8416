package incident

import (
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/rules"
)

// State is where an incident stands. See doc.go for the picture.
type State string

// The states of DESIGN §6.
const (
	Open             State = "open"              // decided, being planned
	Planned          State = "planned"           // a plan exists; only within one record
	AwaitingApproval State = "awaiting_approval" // people are asked
	VetoWindow       State = "veto_window"       // people may say no
	Approved         State = "approved"          // only within one record
	Executing        State = "executing"         // the intent is written, a call may be running
	Verifying        State = "verifying"         // at To; the rule decides again

	Recovered    State = "recovered"
	NotRecovered State = "not_recovered" // the release is not the cause, or not the only one
	Denied       State = "denied"
	Expired      State = "expired"    // nobody answered in time
	Superseded   State = "superseded" // the version is gone already, or a newer release came
	AbortedDrift State = "aborted_drift"
	Unverified   State = "unverified" // acted, but no evidence whether it helped
	Failed       State = "failed"     // could not plan or act
	UnknownState State = "unknown"    // nobody can say what the act did: a person decides
)

// Terminal tells the states that end an incident.
func (s State) Terminal() bool {
	switch s {
	case Recovered, NotRecovered, Denied, Expired, Superseded, AbortedDrift, Unverified, Failed, UnknownState:
		return true
	case Open, Planned, AwaitingApproval, VetoWindow, Approved, Executing, Verifying:
	}
	return false
}

// Pages tells the terminal states that need a person now.
func (s State) Pages() bool {
	switch s {
	case NotRecovered, Expired, AbortedDrift, Unverified, Failed, UnknownState:
		return true
	case Open, Planned, AwaitingApproval, VetoWindow, Approved, Executing, Verifying, Recovered, Denied, Superseded:
	}
	return false
}

// Target is all that Ripcord remembers of one target. It is what a journal
// record holds, so every field is plain data and a zero field means what it
// meant before the field existed.
type Target struct {
	Name string `json:"name"`
	// Opened counts the incidents so far; it numbers them.
	Opened int `json:"opened"`
	// Ledger are the releases, oldest first; the last one is current.
	Ledger []Release `json:"ledger,omitempty"`
	// Incident is the open one, or the last that ended.
	Incident *Incident `json:"incident,omitempty"`
	// Past are the ended incidents before it, oldest first, in brief.
	Past []Brief `json:"past,omitempty"`
	// Decided are the decisions already answered, by id: a replay makes no second
	// incident of them. Oldest first, bounded.
	Decided []Decided `json:"decided,omitempty"`
	// Freeze holds automatic and asked-for rollbacks back.
	Freeze *Freeze `json:"freeze,omitempty"`
	// Acted are the times of automatic acts within the longest guard window.
	Acted []time.Time `json:"acted,omitempty"`
	// Epoch is the fencing epoch of the last attempt.
	Epoch uint64 `json:"epoch"`
}

// Release is one entry of the ledger.
type Release struct {
	Version string `json:"version"`
	// Revisions are what each step's place held under it, by step id.
	Revisions map[string]actions.Revision `json:"revisions,omitempty"`
	Since     time.Time                   `json:"since"`
	Until     time.Time                   `json:"until,omitzero"`
	// Fired is when a rule last fired on it.
	Fired time.Time `json:"fired,omitzero"`
	// Known is the share of evaluations under it that were not UNKNOWN; negative
	// when nobody counted.
	Known  float64 `json:"known"`
	Actor  string  `json:"actor,omitempty"`
	Commit string  `json:"commit,omitempty"`
	// Assumed entries were found by looking, not announced.
	Assumed     bool   `json:"assumed,omitempty"`
	Quarantined string `json:"quarantined,omitempty"` // why; empty when it is not
	// Rollback names the incident that put it in place.
	Rollback string `json:"rollback,omitempty"`
	// Cleared is when the last rule that had fired on it resolved.
	Cleared time.Time `json:"cleared,omitzero"`
	// Left are the places that a rollback did not move, with what they held: to
	// see that there again is no news.
	Left map[string]actions.Revision `json:"left,omitempty"`
}

// Decided is one answered decision.
type Decided struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Rule     string    `json:"rule"`
	Version  string    `json:"version"`
	Incident string    `json:"incident,omitempty"`
	// Held is the guard's sentence when no incident came of it.
	Held string `json:"held,omitempty"`
	// Guard names that guard: mode, freeze, stale, gone, answered, cooldown,
	// budget, fleet.
	Guard    string `json:"guard,omitempty"`
	Resolved bool   `json:"resolved,omitempty"`
	// Until is when that guard may let go.
	Until time.Time `json:"until,omitzero"`
	// Answered is the no that people, or their silence, gave to its incident: no
	// other opens for the rule and the version until it has resolved.
	Answered string `json:"answered,omitempty"`
}

// Freeze is a hold on a target, or on the fleet. A zero Until holds until
// somebody unfreezes.
type Freeze struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason"`
}

// Brief is an ended incident in one line.
type Brief struct {
	ID       string    `json:"id"`
	Rule     string    `json:"rule"`
	Version  string    `json:"version"`
	To       string    `json:"to,omitempty"`
	State    State     `json:"state"`
	Opened   time.Time `json:"opened"`
	Ended    time.Time `json:"ended"`
	Severity string    `json:"severity,omitempty"`
	Verdict  string    `json:"verdict,omitempty"`
	Acted    bool      `json:"acted,omitempty"` // a call was allowed to be made
}

// Incident is one finding of ours and what became of it.
type Incident struct {
	ID       string     `json:"id"` // <target>-<number>
	Target   string     `json:"target"`
	Version  string     `json:"version"`      // the bad one
	To       string     `json:"to,omitempty"` // never changes once set
	State    State      `json:"state"`
	Revision int        `json:"revision"` // counts the transitions of this incident
	Mode     rules.Mode `json:"mode"`     // after all ceilings
	// Ceiling is the sentence why Mode is below what the rule asked for.
	Ceiling  string `json:"ceiling,omitempty"`
	Rule     string `json:"rule"`
	Trigger  string `json:"trigger"`
	Severity string `json:"severity"`
	// Decisions are the evidence: the first opened it, others joined it.
	Decisions []rules.Decision `json:"decisions"`
	// Manual is the person who asked for the rollback, when no rule did.
	Manual string `json:"manual,omitempty"`

	Opened   time.Time `json:"opened"`
	Planned  time.Time `json:"planned,omitzero"`
	Approved time.Time `json:"approved,omitzero"`
	Moved    time.Time `json:"moved,omitzero"` // the last stage's places were seen at To
	Ended    time.Time `json:"ended,omitzero"`
	// Resolved is when and why the rule resolved by itself before approval.
	Resolved       time.Time `json:"resolved,omitzero"`
	ResolvedReason string    `json:"resolved_reason,omitempty"`

	Stage     int           `json:"stage"` // index in the policy's stages
	Plan      *actions.Plan `json:"plan,omitempty"`
	Approvals []Approval    `json:"approvals,omitempty"`
	Exec      *Exec         `json:"exec,omitempty"`
	Verify    *Verify       `json:"verify,omitempty"`

	// Deadline is when the present state gives up; zero when it has none.
	Deadline time.Time `json:"deadline,omitzero"`
	// Replan is when the plan is asked for again: because none came, or because it
	// will have expired.
	Replan time.Time `json:"replan,omitzero"`
	// Asked is the revision at which people were first asked about the plan: a
	// message that shows less starts no veto window.
	Asked int `json:"asked,omitempty"`
	// Verdict is the last sentence: how it ended.
	Verdict string `json:"verdict,omitempty"`
	// Posts are the messages that notifiers have confirmed, by notifier name.
	Posts map[string]Post `json:"posts,omitempty"`
}

// Approval is one person's answer to one plan.
type Approval struct {
	By     Person    `json:"by"`
	At     time.Time `json:"at"`
	Digest string    `json:"digest"`
	Deny   bool      `json:"deny,omitempty"`
	Note   string    `json:"note,omitempty"`
}

// Person is who did something, as the door that let them in knows them.
type Person struct {
	Name   string   `json:"name"` // the people: entry, or the token's name
	Groups []string `json:"groups,omitempty"`
	Robot  bool     `json:"robot,omitempty"` // a robot never counts for a quorum
	Via    string   `json:"via"`             // slack, http, cli, config
}

// Exec is the step that is being done. It is written before the call.
type Exec struct {
	Step     int       `json:"step"` // index in the plan
	Attempt  int       `json:"attempt"`
	Epoch    uint64    `json:"epoch"`
	Started  time.Time `json:"started"`
	Deadline time.Time `json:"deadline"`
	// Unknown: nobody can say whether the call did it; only Verify may follow.
	Unknown string `json:"unknown,omitempty"`
	// Done: Execute answered or Verify saw; the place must still be seen at To.
	Done bool `json:"done,omitempty"`
	// Retry is when the next attempt may be made: no call is running until then.
	Retry time.Time `json:"retry,omitzero"`
	// Began is when the step's first attempt was made.
	Began time.Time `json:"began,omitzero"`
	// Until is how long its place is asked before a person must look.
	Until time.Time `json:"until,omitzero"`
	// Checks counts the looks since the attempt; Repeats the attempts after one
	// whose outcome nobody knew.
	Checks  int `json:"checks,omitempty"`
	Repeats int `json:"repeats,omitempty"`
}

// Verify is the wait for the rule's answer after a stage.
type Verify struct {
	Since time.Time `json:"since"`
	// Better is since when the rules have said FALSE without a break.
	Better time.Time   `json:"better,omitzero"`
	Still  rules.Truth `json:"still"`
	Reason string      `json:"reason,omitempty"`
	// Paused is since when UNKNOWN has stopped that clock.
	Paused time.Time `json:"paused,omitzero"`
	// Rules are the last words of each rule of the incident.
	Rules map[string]rules.Truth `json:"rules,omitempty"`
}

// Post is a message that a notifier has confirmed.
type Post struct {
	Channel  string `json:"channel"`
	TS       string `json:"ts"`
	Revision int    `json:"revision"` // of the incident, as the message shows it
}
