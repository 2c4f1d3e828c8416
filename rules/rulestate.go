package rules

import "time"

// ruleState is what a rule says about the current version of a target, and since
// when.
//
// inactive → pending at the first TRUE, which is the episode's start; → firing
// after TRUE for the rule's for. FALSE ends pending; UNKNOWN stops its clock, and
// ends it when it lasts for max_age. Firing resolves after FALSE for
// keep_firing_for without a break: UNKNOWN and TRUE start that clock anew.
type ruleState struct {
	*Rule
	state State
	since int64 // of the state
	truth Truth
	why   State // of UNKNOWN
	at    int64 // of the last evaluation, 0: none yet
	due   int64
	timer int64 // when its lane's queue comes up with it, never: not

	episode int64 // the first TRUE
	held    int64 // pending: TRUE since then, without what UNKNOWN has taken
	unknown int64 // UNKNOWN since then, 0: not
	clear   int64 // firing: FALSE since then, 0: not
	said    said  // of this stretch of UNKNOWN

	decided  Decision // of the episode
	fired    []frozenSlot
	recovery *recovery
}

// said is which states of UNKNOWN have been told in one stretch of it.
type said struct{ insufficient, stale bool }

func (s *said) tell(why State) bool {
	told := &s.insufficient
	if why == Stale {
		told = &s.stale
	}
	before := *told
	*told = true
	return !before
}

// reset forgets what was said: the version has changed.
func (r *ruleState) reset(now int64) {
	recovery := r.recovery
	*r = ruleState{Rule: r.Rule, state: Inactive, since: now, due: r.due, timer: r.timer, recovery: recovery}
}

func (r *ruleState) become(state State, now int64) { r.state, r.since = state, now }

// step moves a rule's state on by one evaluation and returns when its clocks
// have something to say next.
func (t *target) step(r *ruleState, truth Truth, why State, now int64) (due int64) {
	t.account(r, truth, now)
	r.truth, r.why, r.at = truth, why, now
	if truth == Unknown {
		return t.stepUnknown(r, why, now)
	}
	if r.unknown != 0 {
		r.held += now - r.unknown
		r.unknown = 0
	}
	r.said = said{}
	if truth == True {
		return t.stepTrue(r, now)
	}
	return t.stepFalse(r, now)
}

func (t *target) stepTrue(r *ruleState, now int64) int64 {
	r.clear = 0
	if r.state == Inactive {
		r.become(Pending, now)
		r.episode, r.held = now, now
	}
	if r.state == Pending {
		if now-r.held < int64(r.For) {
			return r.held + int64(r.For)
		}
		r.become(Firing, now)
		t.fire(r, now)
		return never
	}
	if !r.decided.Confirmed {
		t.confirm(r, now)
	}
	return never
}

func (t *target) stepFalse(r *ruleState, now int64) int64 {
	switch r.state {
	case Pending:
		r.become(Inactive, now)
	case Firing:
		if r.clear == 0 {
			r.clear = now
		}
		if over := r.clear + int64(r.KeepFiring); now < over {
			return over
		}
		t.verdict(r, Resolved, now, t.reason(r))
		r.become(Inactive, now)
		r.clear = 0
	case Inactive, Resolved, Insufficient, Stale:
	}
	return never
}

func (t *target) stepUnknown(r *ruleState, why State, now int64) int64 {
	r.clear = 0
	if r.unknown == 0 {
		r.unknown = now
	}
	if r.said.tell(why) {
		t.verdict(r, why, now, t.reason(r))
	}
	if r.state != Pending {
		return never
	}
	over := r.unknown + t.patience(r.Rule)
	if now >= over {
		r.become(Inactive, now)
		return never
	}
	return over
}

// patience is how long a pending rule bears UNKNOWN: the longest max_age of the
// sources that it reads.
func (t *target) patience(r *Rule) int64 {
	longest := int64(30 * time.Second)
	for _, slot := range r.condSlot {
		longest = max(longest, t.cells[slot].feed.maxAge())
	}
	return longest
}

// verdict tells a change of what the rule says.
func (t *target) verdict(r *ruleState, state State, now int64, reason string) {
	version := t.current
	if state == Resolved {
		version = r.decided.Version
	}
	t.out.Verdicts = append(t.out.Verdicts, Verdict{
		At: moment(now), Rule: r.Name, Target: t.name, Version: version,
		State: state, Value: t.leading(r.Rule), Reason: reason,
	})
}

// knowledge is how many evaluations a version has had, and how many of them knew
// something, counted as if every boundary had been evaluated.
type knowledge struct {
	version      string
	all, knowing float64
}

// maxShares bounds how many versions' knowledge is remembered.
const maxShares = 16

// account counts the evaluation, and the boundaries since the last one, at which
// the rule said what it said then.
func (t *target) account(r *ruleState, truth Truth, now int64) {
	if t.incomparable(r) {
		return
	}
	k := t.knowledge(t.current)
	if r.at != 0 {
		k.add(r.truth, skipped(r, now))
	}
	k.add(truth, 1)
}

// incomparable tells a rule that can not say anything here, however good the data
// are: it compares with the version before, and there is none. Its UNKNOWN says
// nothing about how well the version was watched.
func (t *target) incomparable(r *ruleState) bool { return !t.compared && r.compares }

// skipped is how many boundaries lie between a rule's last evaluation and now.
func skipped(r *ruleState, now int64) float64 {
	interval := max(int64(r.Interval), int64(time.Millisecond))
	return float64(max((now-1)/interval-r.at/interval, 0))
}

func (k *knowledge) add(truth Truth, n float64) {
	k.all += n
	if truth != Unknown {
		k.knowing += n
	}
}

// knowledge finds the counts of a version; the current one is the last.
func (t *target) knowledge(version string) *knowledge {
	for i := len(t.shares) - 1; i >= 0; i-- {
		if t.shares[i].version == version {
			return &t.shares[i]
		}
	}
	if len(t.shares) >= maxShares {
		t.shares = append(t.shares[:0], t.shares[1:]...)
	}
	t.shares = append(t.shares, knowledge{version: version})
	return &t.shares[len(t.shares)-1]
}

// known is the share of a version's evaluations that knew something, -1 when
// there were none.
func (t *target) known(version string, now int64) float64 {
	var k knowledge
	for _, s := range t.shares {
		if s.version == version {
			k = s
		}
	}
	if version == t.current {
		for i := range t.rules {
			if r := &t.rules[i]; r.at != 0 && !t.incomparable(r) {
				k.add(r.truth, skipped(r, now+1))
			}
		}
	}
	if k.all == 0 {
		return -1
	}
	return k.knowing / k.all
}
