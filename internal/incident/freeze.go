package incident

import (
	"fmt"
	"time"
)

// holds tells whether the freeze is engaged.
func (f *Freeze) holds(now time.Time) bool {
	return f.Until.IsZero() || now.Before(f.Until)
}

// sentence tells who holds what, since when, until when and why.
func (f *Freeze) sentence(what string, now time.Time) string {
	until := "until somebody unfreezes it"
	if !f.Until.IsZero() {
		until = "until " + clock(now, f.Until)
	}
	return fmt.Sprintf("%s is frozen by %s since %s %s%s", what, f.By, clock(now, f.At), until, noted(f.Reason))
}

func newFreeze(by Person, now, until time.Time, reason string) (*Freeze, error) {
	switch {
	case by.Name == "":
		return nil, refuse(Invalid, "a freeze needs the name of who engages it")
	case reason == "":
		return nil, refuse(Invalid, "a freeze needs a reason")
	case !until.IsZero() && !until.After(now):
		return nil, refuse(Invalid, "a freeze until %s would be over already", clock(now, until))
	}
	return &Freeze{By: by.Name, At: now, Until: utc(until), Reason: short(reason, shortText)}, nil
}

// frozen is the sentence of any switch that is engaged: the target's own first.
func (m *move) frozen(w World) string {
	if f := m.s.Freeze; f != nil && f.holds(m.now) {
		return f.sentence("target "+m.p.Target, m.now)
	}
	return w.Frozen
}

// freeze engages the target's switch; a second one replaces the first.
func (m *move) freeze(in SetFreeze) error {
	f, err := newFreeze(in.By, m.now, in.Until, in.Reason)
	if err != nil {
		return err
	}
	m.s.Freeze = f
	m.tell(KindFrozen, in.By.by(), "%s", f.sentence("target "+m.p.Target, m.now))
	return nil
}

// unfreeze lets go; what was held back is looked at again.
func (m *move) unfreeze(in Unfreeze) error {
	f := m.s.Freeze
	if f == nil || !f.holds(m.now) {
		return refuse(Conflict, "target %s is not frozen", m.p.Target)
	}
	m.thaw(in.By.by(), fmt.Sprintf("%s unfreezes target %s, frozen by %s since %s%s", in.By.Name, m.p.Target, f.By, m.clock(f.At), noted(short(in.Reason, shortText))))
	return nil
}

func (m *move) thaw(by, text string) {
	m.s.Freeze = nil
	if inc := m.open(); inc != nil && inc.State == Executing && inc.Exec != nil && !inc.Exec.Retry.IsZero() {
		inc.Exec.Retry = m.now
	}
	m.tell(KindUnfrozen, by, "%s", text)
	m.ask(Reconsider{At: m.now})
}
