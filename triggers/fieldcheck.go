package triggers

import "fmt"

// The bounds of one event's data.
const (
	MaxFields = 256     // fields of an event, nested ones included
	MaxString = 4 << 10 // bytes of a string
)

// fieldcheck walks verified JSON and reports what can not be the data of an
// event: no object, a key twice (a nested one and its dotted twin included), an
// object below one level, an array, a number that a float64 does not hold, a
// string or an object that is too long.
type fieldcheck struct {
	scanner
	keys            keyset
	target, version []byte // the top-level members of these names, as written
}

func checkFields(object []byte) error {
	c := fieldcheck{scanner: scanner{buf: object}}
	return c.object(nil, 0)
}

func (c *fieldcheck) object(prefix []byte, depth int) error {
	if !c.eat('{') {
		return fmt.Errorf("the data is not a JSON object")
	}
	for c.pos < len(c.buf) && !c.eat('}') {
		key, ok := c.str()
		if !ok || !c.eat(':') {
			return fmt.Errorf("the data can not be read after byte %d", c.pos)
		}
		if depth > 0 {
			key = dotted(prefix, key)
		}
		if !c.keys.add(key) {
			return fmt.Errorf("the data has the key %q twice", key)
		}
		if c.keys.n > MaxFields {
			return fmt.Errorf("the data has more than %d fields", MaxFields)
		}
		if err := c.field(key, depth); err != nil {
			return err
		}
		c.eat(',')
	}
	return nil
}

func (c *fieldcheck) field(key []byte, depth int) error {
	switch c.peek() {
	case '{':
		if depth > 0 {
			return fmt.Errorf("the data is nested too deep at %q: one level is joined with a dot, no more", key)
		}
		return c.object(key, 1)
	case '[':
		return fmt.Errorf("the data holds an array at %q: fields are numbers, strings and booleans", key)
	case 'n':
		c.value()
		return nil
	}
	start := c.pos
	v, ok := c.value()
	if !ok {
		return fmt.Errorf("the number at %q is out of range", key)
	}
	if len(v.Str) > MaxString {
		return fmt.Errorf("the string at %q has %d bytes, at most %d are read", key, len(v.Str), MaxString)
	}
	if depth == 0 {
		c.lift(key, c.buf[start:c.pos])
	}
	return nil
}

func (c *fieldcheck) lift(key, raw []byte) {
	switch string(key) {
	case "target":
		c.target = raw
	case "version":
		c.version = raw
	}
}
