package incident

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/rules"
)

// arrive is the moment at which all places of a stage were seen at To: the
// ledger follows, the rules are told, and the wait for their verdict begins.
func (m *move) arrive() {
	inc := m.s.Incident
	inc.Exec = nil
	inc.Moved = m.now
	m.record()
	previous := ""
	if known, _, ok := m.s.KnownGood(inc.To, m.p, m.now); ok {
		previous = known.Version
	}
	m.ask(Announce{Incident: inc.ID, Version: inc.To, Previous: previous, Quarantined: inc.Version})
	if len(inc.Decisions) == 0 {
		m.end(Recovered, ripcord, "%s is in place %s after %s asked; no rule judged it", inc.To, span(m.now.Sub(inc.Opened)), inc.Manual)
		return
	}
	stage := m.stage()
	inc.Verify = &Verify{Since: m.now}
	inc.Deadline = m.now.Add(stage.within())
	m.enter(Verifying, ripcord, "%s is in place %s after the decision; %s must say FALSE for %s by %s", inc.To, span(m.now.Sub(inc.Opened)), m.opener(), span(stage.Stable), m.clock(inc.Deadline))
}

// opener is the rule whose recovery counts.
func (m *move) opener() string {
	inc := m.s.Incident
	if inc.Manual != "" && len(inc.Decisions) > 0 {
		return inc.Decisions[0].Rule
	}
	return inc.Rule
}

// recovery takes what a rule says about the release that was put in place.
func (m *move) recovery(r rules.Recovery) {
	inc := m.open()
	if inc == nil || inc.State != Verifying || r.Version != inc.To || r.At.Before(inc.Verify.Since) {
		return
	}
	if !slices.ContainsFunc(inc.Decisions, func(d rules.Decision) bool { return d.Rule == r.Rule && d.Version == inc.Version }) {
		return
	}
	m.judge(r.Rule, r.Still, r.Reason)
	m.better(r.At.UTC())
}

// judge takes one rule's word; only a new one is written down.
func (m *move) judge(rule string, still rules.Truth, reason string) {
	v := m.s.Incident.Verify
	if v.Rules[rule] == still {
		return
	}
	if v.Rules == nil {
		v.Rules = make(map[string]rules.Truth)
	}
	v.Rules[rule] = still
	if v.Still = m.combined(); v.Still == still {
		v.Reason = short(reason, longText)
	}
	if v.Still == rules.True {
		v.Better, v.Paused = time.Time{}, time.Time{}
	}
	m.note(KindJudged, byRule(rule), "%s says %s on %s: %s", rule, still, m.s.Incident.To, reason)
}

// combined is TRUE while any rule says so, else what the opening rule says.
func (m *move) combined() rules.Truth {
	v := m.s.Incident.Verify
	for _, still := range v.Rules {
		if still == rules.True {
			return rules.True
		}
	}
	return v.Rules[m.opener()]
}

// better runs the clock of recovery: FALSE starts it, TRUE resets it, UNKNOWN
// stops it. It ends only on fresh evidence, never on silence.
func (m *move) better(at time.Time) {
	inc := m.s.Incident
	v, stable := inc.Verify, m.stage().Stable
	switch v.Still {
	case rules.Unknown:
		if !v.Better.IsZero() && v.Paused.IsZero() {
			v.Paused = at
		}
	case rules.False:
		if v.Better.IsZero() {
			v.Better = at
		}
		if !v.Paused.IsZero() {
			v.Better, v.Paused = v.Better.Add(max(0, at.Sub(v.Paused))), time.Time{}
		}
		if at.Sub(v.Better) >= stable {
			m.end(Recovered, ripcord, "%s is live and %s says FALSE for %s, %s after the decision: %s", inc.To, m.opener(), span(at.Sub(v.Better)), span(m.now.Sub(inc.Opened)), v.Reason)
		}
	case rules.True:
	}
}

// judged ends the wait at its deadline: the next stage, or the verdict.
func (m *move) judged() {
	inc := m.s.Incident
	v, stage := inc.Verify, m.stage()
	switch v.Still {
	case rules.True:
		m.climb()
	case rules.False:
		m.finish(v, stage)
	case rules.Unknown:
		m.end(Unverified, ripcord, "%s is in place, but there was no evidence in %s whether it helps: %s", inc.To, span(m.now.Sub(v.Since)), orText(v.Reason, m.opener()+" said nothing"))
	}
}

// finish lets a recovery that began within the time come to its end, once.
func (m *move) finish(v *Verify, stage Stage) {
	inc := m.s.Incident
	full := v.Better.Add(stage.Stable + stage.within()/10)
	if v.Paused.IsZero() && m.now.Before(full) && inc.Deadline.Equal(v.Since.Add(stage.within())) {
		inc.Deadline = full
		m.note(KindJudged, ripcord, "%s says FALSE for %s of %s: the wait goes on until %s", m.opener(), span(m.now.Sub(v.Better)), span(stage.Stable), m.clock(full))
		return
	}
	m.end(Unverified, ripcord, "%s is in place and %s said FALSE at last, but not for %s within %s: %s", inc.To, m.opener(), span(stage.Stable), span(m.now.Sub(v.Since)), v.Reason)
}

// climb goes to the next stage of the ladder. The means change, the version
// never does. After the last stage the verdict is on the release.
func (m *move) climb() {
	inc := m.s.Incident
	took := m.now.Sub(inc.Verify.Since)
	reason := inc.Verify.Reason
	if inc.Stage+1 >= len(m.p.Stages) {
		m.end(NotRecovered, ripcord, "%s is in place for %s and still %s: %s. %s is not the cause, or not the only one; lift its quarantine if it is innocent", inc.To, span(took), m.stillTrue(), reason, inc.Version)
		return
	}
	old := m.stage().Name
	inc.Stage++
	inc.Verify, inc.Plan = nil, nil
	m.enter(Open, ripcord, "stage %s did not help in %s (%s); stage %s is planned", old, span(took), reason, m.p.Stages[inc.Stage].Name)
	m.plan()
}

// stillTrue names the rules that still hold.
func (m *move) stillTrue() string {
	v := m.s.Incident.Verify
	var names []string
	for _, name := range slices.Sorted(maps.Keys(v.Rules)) {
		if v.Rules[name] == rules.True {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ") + " says TRUE"
}
