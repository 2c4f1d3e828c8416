package incident

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ripcord-dev/ripcord/rules"
)

// The bounds of a target's record: an encoded Target stays well below the
// journal's 256 KiB.
const (
	maxPast      = 20
	maxDecided   = 200
	maxHeldTexts = 50 // only the newest keep their sentence
	maxLedger    = 50
	maxDecisions = 10
	maxActed     = 100
	maxApprovals = 20
	maxPosts     = 16
	maxName      = 200 // of a version
	maxWho       = 80  // of an actor or a commit
	entryText    = 1000
	longText     = 600
	shortText    = 200
)

// clone copies all that a Step may change. What lies deeper (evidence, plans,
// revisions) is replaced whole and never written to.
func (s Target) clone() Target {
	s.Ledger = slices.Clone(s.Ledger)
	s.Past = slices.Clone(s.Past)
	s.Decided = slices.Clone(s.Decided)
	s.Acted = slices.Clone(s.Acted)
	s.Incident = s.Incident.clone()
	return s
}

func (inc *Incident) clone() *Incident {
	if inc == nil {
		return nil
	}
	c := *inc
	c.Decisions = slices.Clone(inc.Decisions)
	c.Approvals = slices.Clone(inc.Approvals)
	c.Posts = maps.Clone(inc.Posts)
	if inc.Exec != nil {
		exec := *inc.Exec
		c.Exec = &exec
	}
	if inc.Verify != nil {
		verify := *inc.Verify
		verify.Rules = maps.Clone(inc.Verify.Rules)
		c.Verify = &verify
	}
	return &c
}

// trim keeps the record within its bounds, dropping the oldest.
func (s *Target) trim() {
	s.Past = last(s.Past, maxPast)
	s.Decided = last(s.Decided, maxDecided)
	s.Ledger = last(s.Ledger, maxLedger)
	s.Acted = last(s.Acted, maxActed)
	for i := range max(0, len(s.Decided)-maxHeldTexts) {
		s.Decided[i].Held = ""
	}
	if s.Incident != nil {
		s.Incident.Approvals = last(s.Incident.Approvals, maxApprovals)
	}
}

func last[T any](list []T, n int) []T {
	return list[max(0, len(list)-n):]
}

// short cuts a text to n bytes at most, at a character, and says so.
func short(text string, n int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= n {
		return text
	}
	const more = "…"
	cut := max(0, n-len(more))
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}

// The bounds of a decision's evidence; those that join keep less of it.
const (
	maxSlots, maxSlotsJoined = 16, 4
	maxValues                = 16
	maxEvents                = 10
)

// bounded is the decision as an incident keeps it.
func bounded(d rules.Decision, slots int) rules.Decision {
	d.At, d.Episode, d.Evidence.Newest = utc(d.At), utc(d.Episode), utc(d.Evidence.Newest)
	for _, text := range []*string{&d.Summary, &d.Evidence.Reason, &d.Confirmation} {
		*text = short(*text, longText)
	}
	for _, text := range []*string{&d.Runbook, &d.File, &d.Commit, &d.RuleHash, &d.Group} {
		*text = short(*text, shortText)
	}
	d.Evidence.Slots = slices.Clone(d.Evidence.Slots[:min(len(d.Evidence.Slots), slots)])
	for i := range d.Evidence.Slots {
		slot := &d.Evidence.Slots[i]
		slot.Call, slot.Reason = short(slot.Call, shortText), short(slot.Reason, shortText)
	}
	d.Evidence.Events = slices.Clone(d.Evidence.Events[:min(len(d.Evidence.Events), maxEvents)])
	for i := range d.Evidence.Events {
		d.Evidence.Events[i] = short(d.Evidence.Events[i], shortText)
	}
	d.Evidence.Values = fewer(d.Evidence.Values)
	return d
}

// fewer keeps the first values by name.
func fewer(values map[string]rules.Scalar) map[string]rules.Scalar {
	if len(values) <= maxValues {
		return maps.Clone(values)
	}
	kept := make(map[string]rules.Scalar, maxValues)
	for _, name := range slices.Sorted(maps.Keys(values))[:maxValues] {
		kept[name] = values[name]
	}
	return kept
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
