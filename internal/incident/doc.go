// Package incident is Ripcord's judgement: what becomes of a decision, who may
// say yes, what is done next and when it has helped. It is one pure function,
//
//	Policy.Step(Target, Input, now) → Outcome{State, Entries, Effects}
//
// without clock, input or output. A Target is all that is remembered of one
// target; the engine writes it to the journal together with the entries, and only
// then performs the effects, whose results come back as inputs. So a crash can
// fall between any two inputs and nowhere else, and the last record says how to
// go on.
//
// # The states
//
//	        decision                 plan
//	(none) ─────────▶ open ─────────▶ planned ──┬── auto, confirmed ──────────┐
//	                   ▲                        │                             ▼
//	                   │                        ├─▶ awaiting_approval ──▶ approved
//	     next stage    │                        │        │    ▲ yes, quorum   │ intent,
//	     of the ladder │               message  │        ▼    │               │ same record
//	                   │               stands   └─── veto_window ─────────────┤
//	                   │                              silence is a yes        ▼
//	                   └──────────────── verifying ◀─── all at To ─────── executing
//	                                         │
//	                                         ▼
//	          recovered · not_recovered · unverified
//
// An incident can also end as denied (a person said no, which wins until the
// intent is written), expired (nobody answered), superseded (somebody else has
// changed the release), aborted_drift (a place is where no plan wants it), failed
// (no plan, or no way to do it) and unknown (nobody can say what a call did, and
// it must not be repeated).
//
// Decisions move open; the engine's plan moves planned; people, the confirmed
// evidence or silence in a veto window move approved; the answers of actions
// move executing; the same rule that fired moves verifying; and the clock moves
// whatever takes too long. Planned and approved exist only within one record:
// the way from a plan to the intent of its first call costs one write.
//
// # What is kept
//
// Where an incident goes (To) is resolved once, when it opens, and never changes:
// the stages of the ladder change the means. A yes is given to the digest of a
// plan; another plan asks anew. Every call is written down before it is made,
// with an epoch that only grows, and a call whose outcome nobody knows is
// followed by a look and by nothing else. What cannot be undone twice (class C)
// is not repeated. A rollback is never rolled back by itself. Only FALSE, said
// freshly and for long enough, is recovery: silence is none.
//
// # The guards
//
// A decision meets the guards in one order: mode, freeze, stale evidence, a
// version that is gone already, a standing no, attribution, flapping, cooldown,
// budget, fuse. A guard either holds the decision, with a sentence and where
// possible with the time at which it is looked at again, or lowers the mode so
// that people are asked. What has once been lowered stays with people.
//
// # Repeats
//
// Inputs may come late, twice and in any order. A decision is known by its id, a
// call by step and attempt, a release by version and time; what is known already
// gives an Outcome without entries, and then nothing is written or done. Only
// those who wait for an answer (approve, deny, rollback, the switches) are told
// with a Refused, which names who was first.
package incident
