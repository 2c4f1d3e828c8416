package rules

import "github.com/ripcord-dev/ripcord/triggers"

// columns reads an event's fields into the columns of a signal, in one pass over
// the event and without allocating.
type columns struct {
	row        row
	fields     []field
	mismatched uint64
	each       func(key []byte, v triggers.Value) // field, bound once
}

func newColumns() *columns {
	c := new(columns)
	c.each = c.field
	return c
}

// read makes the row of an event for a signal. It is valid until the next read.
func (c *columns) read(ev *triggers.Event, s *signal) *row {
	c.fields, c.row.event = s.fields, ev
	if cap(c.row.columns) < len(s.fields) {
		c.row.columns = make([]triggers.Value, len(s.fields))
	}
	c.row.columns = c.row.columns[:len(s.fields)]
	clear(c.row.columns)
	if len(s.fields) > 0 {
		ev.Fields.Each(c.each)
	}
	return &c.row
}

func (c *columns) field(key []byte, v triggers.Value) {
	for i := range c.fields {
		f := &c.fields[i]
		if len(f.name) != len(key) || f.name != string(key) {
			continue
		}
		if v.Kind != f.kind {
			c.mismatched++
			v = triggers.Value{}
		}
		c.row.columns[i] = v
		return
	}
}
