package rules

import "slices"

// maxLedger bounds how many versions of a target are remembered by name.
const maxLedger = 64

// The arms of a target, as indices. A version that is in neither is left out.
const (
	atCurrent = iota
	atPrevious
	atNeither
)

// arms says which version is judged and which it is compared with.
//
// They are learned from release events: current is the version that the newest
// one names, previous is what its field says, else the version that was current,
// and never a quarantined one. As long as there has been no release event, a
// version that has not been seen before is taken for a release at its first
// sample. When a newer release comes while an older candidate is on trial, the
// newest is judged against the previous that its event names; the older candidate
// is then in neither arm.
type arms struct {
	current, previous string // "" is a version without a name, or none
	compared          bool   // there is a previous
	released          bool   // by release events, not assumed
	since             int64  // the cut-over, stream time; 0: before the log
	began             int64  // the cut-over, by the release's own time
	ledger            []string
	quarantined       []string
}

// of tells the arm of a sample by the version that it names.
func (a *arms) of(version string) int {
	switch {
	case version == a.current || version == "":
		return atCurrent
	case a.compared && version == a.previous:
		return atPrevious
	}
	return atNeither
}

// unseen tells that a version that is in neither arm would be a release of which
// nobody has told.
func (a *arms) unseen(version string) bool {
	return !a.released && !slices.Contains(a.ledger, version)
}

// predecessor is the version that a release of version is to be compared with,
// given what its event says.
func (a *arms) predecessor(version, said string) string {
	if said == "" && a.current != version {
		said = a.current
	}
	if said != "" && said != version && !slices.Contains(a.quarantined, said) {
		return said
	}
	before := len(a.ledger)
	if i := slices.Index(a.ledger, version); i >= 0 {
		before = i
	}
	for i := before - 1; i >= 0; i-- {
		if v := a.ledger[i]; v != version && !slices.Contains(a.quarantined, v) {
			return v
		}
	}
	return ""
}

// enter notes a version in the ledger, as the newest unless it is there already.
func (a *arms) enter(version string) {
	a.ledger = remember(a.ledger, version)
}

func remember(names []string, name string) []string {
	if name == "" || slices.Contains(names, name) {
		return names
	}
	if len(names) >= maxLedger {
		names = slices.Delete(names, 0, 1)
	}
	return append(names, name)
}
