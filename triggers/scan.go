package triggers

import (
	"encoding/json"
	"strconv"
	"unsafe"
)

// scanner walks a JSON object once and hands out its scalar fields without
// building anything. It expects valid JSON; on anything else it stops early and
// never reads outside the buffer.
type scanner struct {
	buf []byte
	pos int
}

// shared is text in the memory of raw. That is sound because what came in never
// changes: RawFields demands it, and nobody writes to a message's body.
func shared(raw []byte) string { return unsafe.String(unsafe.SliceData(raw), len(raw)) }

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
		if depth > 0 {
			key = dotted(prefix, key)
		}
		if s.peek() == '{' && depth == 0 {
			s.object(key, 1, fn)
		} else if v, ok := s.value(); ok {
			fn(key, v)
		}
		s.eat(',')
	}
}

func dotted(prefix, key []byte) []byte {
	joined := make([]byte, 0, len(prefix)+1+len(key))
	return append(append(append(joined, prefix...), '.'), key...)
}

// value reads a scalar; arrays, null and objects below one level are skipped.
func (s *scanner) value() (Value, bool) {
	switch s.peek() {
	case '"':
		raw, ok := s.str()
		return Value{Kind: String, Str: shared(raw)}, ok
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
		return s.number()
	}
}

func (s *scanner) number() (Value, bool) {
	start := s.pos
	for s.pos < len(s.buf) && numeric(s.buf[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		s.pos = len(s.buf)
		return Value{}, false
	}
	text := s.buf[start:s.pos]
	if n, ok := integer(text); ok {
		return Value{Kind: Number, Num: n}, true
	}
	n, err := strconv.ParseFloat(string(text), 64)
	return Value{Kind: Number, Num: n}, err == nil
}

// integer reads up to 15 digits, which a float64 holds exactly; most numbers of
// events are such.
func integer(text []byte) (float64, bool) {
	if len(text) > 15 {
		return 0, false
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return float64(n), true
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
	s.pos = skipSpace(s.buf, s.pos)
	if s.pos < len(s.buf) {
		return s.buf[s.pos]
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
