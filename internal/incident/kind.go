package incident

// The kinds of entries that are no State. Quiet kinds keep the audit trail whole
// and are no news to people.
const (
	KindHeld        = "held"        // a guard kept a decision from becoming an incident
	KindObserved    = "observed"    // a rule in mode observe would have acted
	KindRechecked   = "rechecked"   // quiet: the same guard still holds
	KindJoined      = "joined"      // another decision became evidence of the open incident
	KindConfirmed   = "confirmed"   // the evidence of a decision was confirmed
	KindResolved    = "resolved"    // a rule stopped firing by itself
	KindApproval    = "approval"    // one yes of several that are needed
	KindReplanning  = "replanning"  // quiet: the plan is being made anew
	KindAsking      = "asking"      // people decide now, and why
	KindExecuted    = "executed"    // a call has answered; its place is looked at
	KindMoving      = "moving"      // quiet: the place is on its way
	KindUncertain   = "uncertain"   // nobody can say yet what a call did
	KindRetrying    = "retrying"    // a call will be tried again
	KindWaiting     = "waiting"     // a freeze stands between two steps
	KindJudged      = "judged"      // a rule has said something new about the release in place
	KindResumed     = "resumed"     // quiet: a daemon has taken the target over
	KindReleased    = "released"    // the ledger has a new release, or knows more of one
	KindLooked      = "looked"      // the ledger follows what was seen
	KindFrozen      = "frozen"      // the switch of the target or the fleet is engaged
	KindUnfrozen    = "unfrozen"    // and is not any more
	KindQuarantined = "quarantined" // a version is kept from being gone back to
	KindLifted      = "lifted"      // and is not any more
	KindPosted      = "posted"      // quiet: a notifier has confirmed a message
)

// Quiet tells the entries that belong to the audit trail only.
func (e Entry) Quiet() bool {
	switch e.Kind {
	case KindRechecked, KindReplanning, KindMoving, KindResumed, KindPosted:
		return true
	}
	return false
}
