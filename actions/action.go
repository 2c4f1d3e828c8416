// Package actions says what can be done to a target: the contract that every
// rollback mechanism keeps, the plan that people approve, and the registry of
// kinds.
//
// An action never undoes. Planning resolves one absolute place to go to; after
// that nothing changes the place. Execute compares and sets: at To it does
// nothing, at From it moves, anywhere else it stops with drift. That is why an
// action may be repeated after a crash, and why the precondition is checked by
// the target itself wherever it can be.
package actions

import (
	"context"
	"time"
)

// Revision is one state that a step's place can be in. Rev is the place's own
// name for it (a link's target, an image digest, a registry version); Digest
// tells apart two things of one name and may be empty.
type Revision struct {
	Rev    string `json:"rev"`
	Digest string `json:"digest,omitempty"`
}

// IsZero tells a revision that nobody set.
func (r Revision) IsZero() bool { return r == Revision{} }

// Class says what a repeated Execute may do.
type Class string

// The classes of DESIGN §6. Class C runs at most once: after a crash a person
// decides.
const (
	ClassA Class = "A" // compare-and-set at the target
	ClassB Class = "B" // idempotent by key
	ClassC Class = "C" // neither
)

// Step is one planned move, as data. It holds all that Execute and Verify need,
// so that another process can finish it after a crash.
type Step struct {
	// ID is unique in its plan: the stage's name and the step's place in it.
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Place is where the kind acts, in the words of its settings (a link's path,
	// a URL): people read it, and the digest covers it.
	Place string   `json:"place"`
	From  Revision `json:"from"`
	To    Revision `json:"to"`
	// Pre are preconditions beyond From, in the kind's own words.
	Pre   []string `json:"pre,omitempty"`
	Class Class    `json:"class"`
	// ETA is how long the move usually takes; volatile, not in the digest.
	ETA time.Duration `json:"eta,omitempty"`
	// Text is the step in one line for people.
	Text string `json:"text"`
}

// Request asks for the steps that bring a place to a version.
type Request struct {
	Target   string // the configured target
	Incident string // for whom; empty in a drill
	StepID   string // the ID that the planned step gets
	To       string // the version to go to
	// ToRev is the revision that the ledger has for that version at this place;
	// zero when it has none, and the kind must find it by itself or refuse.
	ToRev Revision
}

// Sight is what Look saw: the live revision and version, and what was there
// before it, newest first.
type Sight struct {
	Live    Seen   `json:"live"`
	Earlier []Seen `json:"earlier,omitempty"`
}

// Seen is one revision with the version it stands for. Since is zero when the
// place does not know.
type Seen struct {
	Version  string    `json:"version"`
	Revision Revision  `json:"revision"`
	Since    time.Time `json:"since,omitzero"`
}

// Place is the verdict of Verify: where a step's place stands.
type Place string

// The four verdicts. Moving means: on the way from From to To, ask again.
const (
	AtTo      Place = "at_to"
	AtFrom    Place = "at_from"
	Moving    Place = "moving"
	Elsewhere Place = "elsewhere"
)

// Verdict is where a step's place stands now, with what was seen.
type Verdict struct {
	Place Place    `json:"verdict"`
	Seen  Revision `json:"seen"`
	Text  string   `json:"text,omitempty"`
}

// Fence orders attempts over all replicas: an action whose place can hold a
// token refuses one that is older than the last it saw.
type Fence struct {
	Incarnation string `json:"incarnation"`
	Epoch       uint64 `json:"epoch"`
}

// Attempt is one try at a step. Key is the idempotency key, incident/step: equal
// for every attempt at the same step.
type Attempt struct {
	Incident string
	Key      string
	Token    Fence
	N        int
	Deadline time.Time
}

// Action is one configured step of a target: a kind with its settings.
//
// Every method honours ctx promptly. Errors carry a Code (see CodeOf); an error
// without one counts as unknown.
type Action interface {
	// Look sees the live revision and, where the place keeps them, earlier ones.
	Look(ctx context.Context) (Sight, error)
	// Plan looks and changes nothing. It returns the step that brings the place
	// from where it is to req.To, also when it already is there (From equals To).
	// It refuses, with Denied or Permanent, what can never work: no such version.
	Plan(ctx context.Context, req Request) (Step, error)
	// Execute moves the place from s.From to s.To. At s.To it does nothing and
	// returns nil; elsewhere it changes nothing and returns a Drift error. After a
	// time-out or a lost answer it returns an Unknown error.
	Execute(ctx context.Context, s Step, a Attempt) error
	// Verify says where the place stands; it changes nothing.
	Verify(ctx context.Context, s Step) (Verdict, error)
}

// Report is the answer of a drill: could the place be rolled back right now?
type Report struct {
	Ready bool   `json:"ready"`
	Text  string `json:"text"`
}

// A Driller is an action that can prove more than that its plan resolves.
type Driller interface {
	Drill(ctx context.Context, req Request) (Report, error)
}
