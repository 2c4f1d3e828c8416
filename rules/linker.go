package rules

import (
	"fmt"
	"slices"

	"github.com/ripcord-dev/ripcord/triggers"
)

// linker builds one program: it hands out the indices of signals, columns and
// slots, the same ones for what is equal.
type linker struct {
	*program
	signalOf map[string]int
	slotOf   map[string]int
}

func newLinker() *linker {
	return &linker{
		program:  &program{byType: make(map[string][]int)},
		signalOf: make(map[string]int),
		slotOf:   make(map[string]int),
	}
}

// key is what tells a signal's events from those of another one. The fields are
// not in it: two files that declare different fields of one type share its rows.
func (s *signalDecl) key() string { return fmt.Sprintf("%s/%s/%s", s.typ, s.delay, s.maxAge) }

func (l *linker) indexOf(s *signalDecl) int {
	key := s.key()
	if i, ok := l.signalOf[key]; ok {
		return i
	}
	i := len(l.signals)
	l.signals = append(l.signals, &signal{name: s.name, typ: s.typ, delay: s.delay, maxAge: s.maxAge})
	l.byType[s.typ] = append(l.byType[s.typ], i)
	l.signalOf[key] = i
	return i
}

// column is the index of a field in the rows of a signal.
func (l *linker) column(signal int, name string, kind triggers.Kind) int {
	s := l.signals[signal]
	f := field{name: name, kind: kind}
	if i := slices.Index(s.fields, f); i >= 0 {
		return i
	}
	s.fields = append(s.fields, f)
	return len(s.fields) - 1
}

// place puts a slot into the program, unless an equal one is there.
func (l *linker) place(s *slot) int {
	if i, ok := l.slotOf[s.key]; ok {
		return i
	}
	i := len(l.slots)
	l.slots = append(l.slots, s)
	l.slotOf[s.key] = i
	l.signals[s.signal].slots = append(l.signals[s.signal].slots, i)
	return i
}
