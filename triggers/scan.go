package triggers

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// scanner walks a JSON object once and hands out its scalar fields without
// building anything. It expects valid JSON; on anything else it stops early and
// never reads outside the buffer.
type scanner struct {
	buf []byte
	pos int
}

func (s *scanner) each(fn func(key []byte, v Value)) { s.object(nil, 0, fn) }

// object reads the object that starts at pos. Keys of a nested object are
// joined to prefix with a dot.
func (s *scanner) object(prefix []byte, depth int, fn func(key []byte, v Value)) {
	if !s.eat('{') {
		return
	}
	for s.pos < len(s.buf) {
		if s.eat('}') {
			return
		}
		key, ok := s.str()
		if !ok || !s.eat(':') {
			s.pos = len(s.buf)
			return
		}
		if prefix != nil {
			joined := make([]byte, 0, len(prefix)+1+len(key))
			joined = append(append(append(joined, prefix...), '.'), key...)
			key = joined
		}
		if s.peek() == '{' && depth == 0 {
			s.object(key, 1, fn)
		} else if v, ok := s.value(); ok {
			fn(key, v)
		}
		s.eat(',')
	}
}

// value reads a scalar; arrays, null and objects below one level are skipped.
func (s *scanner) value() (Value, bool) {
	switch c := s.peek(); c {
	case '"':
		raw, ok := s.str()
		return Value{Kind: String, Str: string(raw)}, ok
	case 't':
		return Value{Kind: Bool, Num: 1}, s.skip(4)
	case 'f':
		return Value{Kind: Bool}, s.skip(5)
	case 'n':
		s.skip(4)
		return Value{}, false
	case '{', '[':
		s.nested()
		return Value{}, false
	default:
		start := s.pos
		for s.pos < len(s.buf) && numeric(s.buf[s.pos]) {
			s.pos++
		}
		if s.pos == start {
			s.pos = len(s.buf)
			return Value{}, false
		}
		n, err := strconv.ParseFloat(string(s.buf[start:s.pos]), 64)
		return Value{Kind: Number, Num: n}, err == nil
	}
}

// str reads a string; the result points into the buffer unless it holds an
// escape.
func (s *scanner) str() ([]byte, bool) {
	if !s.eat('"') {
		return nil, false
	}
	start := s.pos
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case '"':
			raw := s.buf[start:s.pos]
			s.pos++
			return raw, true
		case '\\':
			return s.escaped(start)
		default:
			s.pos++
		}
	}
	return nil, false
}

func (s *scanner) escaped(start int) ([]byte, bool) {
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case '\\':
			s.pos += 2
		case '"':
			s.pos++
			var out string
			if json.Unmarshal(s.buf[start-1:s.pos], &out) != nil {
				return nil, false
			}
			return []byte(out), true
		default:
			s.pos++
		}
	}
	return nil, false
}

// nested skips an object or an array, whatever it holds.
func (s *scanner) nested() {
	depth := 0
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case '"':
			s.str()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.pos++
		if depth == 0 {
			return
		}
	}
}

func (s *scanner) skip(n int) bool {
	s.pos = min(s.pos+n, len(s.buf))
	return true
}

func (s *scanner) peek() byte {
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return s.buf[s.pos]
		}
	}
	return 0
}

func (s *scanner) eat(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func numeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// check walks valid JSON and reports what can not be a field: a key twice, an
// object below one level, an array.
func (s *scanner) check(prefix string, seen map[string]bool) error {
	if !s.eat('{') {
		return fmt.Errorf("data is not a JSON object")
	}
	for !s.eat('}') {
		raw, _ := s.str()
		key := prefix + string(raw)
		s.eat(':')
		if seen[key] {
			return fmt.Errorf("data has the key %q twice", key)
		}
		seen[key] = true
		switch c := s.peek(); {
		case c == '{' && prefix == "":
			if err := s.check(key+".", seen); err != nil {
				return err
			}
		case c == '{':
			return fmt.Errorf("data is nested too deep at %q: one level is joined with a dot, no more", key)
		case c == '[':
			return fmt.Errorf("data holds an array at %q: fields are numbers, strings and booleans", key)
		default:
			s.value()
		}
		s.eat(',')
	}
	return nil
}
