package triggers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deep JSON may be nested before it is refused. What Ripcord
// reads is four levels deep at most.
const maxDepth = 32

// verifier checks JSON by the grammar of RFC 8259 and more strictly than
// encoding/json: strings are valid UTF-8, the depth is bounded and, where
// distinct is set, no object has a key twice. It builds nothing.
type verifier struct {
	buf      []byte
	pos      int
	distinct bool
}

// verify says why text is not one JSON value; nil means that it is.
func verify(text []byte, distinct bool) error {
	v := verifier{buf: text, distinct: distinct}
	if err := v.value(0); err != nil {
		return err
	}
	return v.end()
}

// members verifies one JSON object and calls fn for each of its members, the
// value as it is written. A key twice is an error, at the top level and, if
// distinct, below it.
func members(object []byte, distinct bool, fn func(key, raw []byte) error) error {
	v := verifier{buf: object, distinct: distinct}
	if v.peek() != '{' {
		return fmt.Errorf("it is not a JSON object")
	}
	v.pos++
	if err := v.object(0, true, fn); err != nil {
		return err
	}
	return v.end()
}

func (v *verifier) value(depth int) error {
	switch c := v.peek(); c {
	case '{':
		v.pos++
		return v.object(depth, v.distinct, nil)
	case '[':
		v.pos++
		return v.array(depth)
	case '"':
		_, _, err := v.str()
		return err
	case 't':
		return v.literal("true")
	case 'f':
		return v.literal("false")
	case 'n':
		return v.literal("null")
	default:
		return v.number()
	}
}

// object reads what follows the opening brace.
func (v *verifier) object(depth int, distinct bool, fn func(key, raw []byte) error) error {
	if depth >= maxDepth {
		return v.fault("is nested deeper than %d levels", maxDepth)
	}
	if v.eat('}') {
		return nil
	}
	var keys keyset
	for {
		key, err := v.key()
		if err != nil {
			return err
		}
		if distinct && !keys.add(key) {
			return fmt.Errorf("the key %q comes twice", key)
		}
		v.peek()
		start := v.pos
		if err := v.value(depth + 1); err != nil {
			return err
		}
		if fn != nil {
			if err := fn(key, v.buf[start:v.pos]); err != nil {
				return err
			}
		}
		if v.eat('}') {
			return nil
		}
		if !v.eat(',') {
			return v.fault("should have a comma or the end of the object")
		}
	}
}

func (v *verifier) key() ([]byte, error) {
	if v.peek() != '"' {
		return nil, v.fault("should have a key in quotes")
	}
	start := v.pos
	key, escaped, err := v.str()
	if err != nil {
		return nil, err
	}
	if escaped {
		key = []byte(unquote(v.buf[start:v.pos]))
	}
	if !v.eat(':') {
		return nil, v.fault("should have a colon after the key")
	}
	return key, nil
}

func (v *verifier) array(depth int) error {
	if depth >= maxDepth {
		return v.fault("is nested deeper than %d levels", maxDepth)
	}
	if v.eat(']') {
		return nil
	}
	for {
		if err := v.value(depth + 1); err != nil {
			return err
		}
		if v.eat(']') {
			return nil
		}
		if !v.eat(',') {
			return v.fault("should have a comma or the end of the array")
		}
	}
}

// str reads a string; inside is what stands between the quotes, as written.
func (v *verifier) str() (inside []byte, escaped bool, err error) {
	v.pos++
	start, ascii := v.pos, true
	for v.pos < len(v.buf) {
		switch c := v.buf[v.pos]; {
		case c == '"':
			inside = v.buf[start:v.pos]
			v.pos++
			if !ascii && !utf8.Valid(inside) {
				v.pos = start
				return nil, false, v.fault("begins a string that is not valid UTF-8")
			}
			return inside, escaped, nil
		case c == '\\':
			escaped = true
			if err := v.escape(); err != nil {
				return nil, false, err
			}
			continue
		case c < ' ':
			return nil, false, v.fault("holds a control character inside a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
		v.pos++
	}
	return nil, false, v.fault("is the end, inside a string")
}

func (v *verifier) escape() error {
	rest := v.buf[v.pos:]
	switch {
	case len(rest) >= 2 && bytes.IndexByte([]byte(`"\/bfnrt`), rest[1]) >= 0:
		v.pos += 2
		return nil
	case len(rest) >= 6 && rest[1] == 'u' && hex4(rest[2:6]):
		v.pos += 6
		return nil
	}
	return v.fault("holds an escape that JSON does not know")
}

func hex4(digits []byte) bool {
	for _, c := range digits {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

func (v *verifier) literal(word string) error {
	if !bytes.HasPrefix(v.buf[v.pos:], []byte(word)) {
		return v.fault("should have %s", word)
	}
	v.pos += len(word)
	return nil
}

func (v *verifier) number() error {
	start := v.pos
	v.skip('-')
	if !v.skip('0') && !v.digits() {
		v.pos = start
		return v.fault("should have a value (NaN and Infinity are not JSON)")
	}
	if v.skip('.') && !v.digits() {
		return v.fault("should have a digit after the point")
	}
	if v.skip('e') || v.skip('E') {
		if !v.skip('-') {
			v.skip('+')
		}
		if !v.digits() {
			return v.fault("should have a digit in the exponent")
		}
	}
	return nil
}

func (v *verifier) digits() bool {
	start := v.pos
	for v.pos < len(v.buf) && v.buf[v.pos] >= '0' && v.buf[v.pos] <= '9' {
		v.pos++
	}
	return v.pos > start
}

func (v *verifier) skip(c byte) bool {
	if v.pos < len(v.buf) && v.buf[v.pos] == c {
		v.pos++
		return true
	}
	return false
}

func (v *verifier) eat(c byte) bool {
	if v.peek() != c {
		return false
	}
	return v.skip(c)
}

// peek skips white space; 0 stands for the end.
func (v *verifier) peek() byte {
	v.pos = skipSpace(v.buf, v.pos)
	if v.pos < len(v.buf) {
		return v.buf[v.pos]
	}
	return 0
}

func (v *verifier) end() error {
	if v.peek(); v.pos < len(v.buf) {
		return v.fault("follows the end of the value")
	}
	return nil
}

func (v *verifier) fault(format string, args ...any) error {
	return fmt.Errorf("it is not valid JSON: byte %d %s", v.pos+1, fmt.Sprintf(format, args...))
}

func skipSpace(buf []byte, pos int) int {
	for pos < len(buf) && (buf[pos] == ' ' || buf[pos] == '\t' || buf[pos] == '\n' || buf[pos] == '\r') {
		pos++
	}
	return pos
}

// unquote is the text of a verified JSON string, quotes included.
func unquote(token []byte) string {
	var out string
	if json.Unmarshal(token, &out) != nil {
		return string(token) // a verified string always decodes
	}
	return out
}

// keyset finds keys that come twice. Objects are small: a few keys are compared
// one by one, without allocating.
type keyset struct {
	few  [24][]byte
	n    int
	many map[string]bool
}

// add reports whether the key is new.
func (k *keyset) add(key []byte) bool {
	for _, old := range k.few[:min(k.n, len(k.few))] {
		if bytes.Equal(old, key) {
			return false
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = key
		k.n++
		return true
	}
	if k.many == nil {
		k.many = make(map[string]bool)
	}
	if k.many[string(key)] {
		return false
	}
	k.many[string(key)] = true
	k.n++
	return true
}
