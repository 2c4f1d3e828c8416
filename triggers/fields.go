package triggers

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Kind is the kind of a field's value.
type Kind uint8

// The kinds of value an event may carry. Nested objects deeper than one level,
// arrays and null are not values: a field that holds one counts as missing.
const (
	Missing Kind = iota
	Number
	String
	Bool
)

func (k Kind) String() string {
	return [...]string{"missing", "number", "string", "boolean"}[k]
}

// Value is one field of an event. Num holds a number, or 1 and 0 for a boolean.
// Str shares the memory of the event's data: clone what is kept for longer than
// the event (strings.Clone), or a few bytes hold a whole message.
type Value struct {
	Kind Kind
	Num  float64
	Str  string
}

// Fields is the data of one event: a JSON object that stays as it came in until
// somebody reads it. The zero value has no fields.
type Fields struct{ raw []byte }

// RawFields wraps a JSON object, which must be valid (see ParseFields) and must
// not be changed afterwards.
func RawFields(object []byte) Fields { return Fields{raw: object} }

// ParseFields checks that object is a JSON object that Ripcord can read: valid
// JSON and UTF-8, at most MaxFields fields, no key twice, no array, no nesting
// below one level. The error says what is wrong in one sentence.
func ParseFields(object []byte) (Fields, error) {
	if err := verify(object, false); err != nil {
		return Fields{}, fmt.Errorf("the data can not be read: %w", err)
	}
	if err := checkFields(object); err != nil {
		return Fields{}, err
	}
	return Fields{raw: object}, nil
}

// MakeFields builds fields from a flat map of numbers, strings and booleans.
func MakeFields(m map[string]any) Fields {
	raw, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("triggers.MakeFields: %v", err)) // only numbers, strings, booleans get here
	}
	return Fields{raw: raw}
}

// Raw is the JSON object itself, "{}" for no fields.
func (f Fields) Raw() []byte {
	if len(f.raw) == 0 {
		return []byte("{}")
	}
	return f.raw
}

// Each calls fn for every field in the order of the object. The key is only
// valid during the call: it may point into the object. Each allocates only for
// strings that hold an escape and for the keys of a nested object. On bytes that
// are no valid JSON it stops early.
func (f Fields) Each(fn func(key []byte, v Value)) {
	if len(f.raw) == 0 {
		return
	}
	s := scanner{buf: f.raw}
	s.object(nil, 0, fn)
}

// Lookup is the field of that name; Missing when there is none.
func (f Fields) Lookup(name string) Value {
	var found Value
	f.Each(func(key []byte, v Value) {
		if string(key) == name {
			found = v
		}
	})
	return found
}

// Text is the field as text, whatever its kind; empty when it is missing.
func (f Fields) Text(name string) string {
	v := f.Lookup(name)
	switch v.Kind {
	case Missing:
		return ""
	case String:
		return v.Str
	case Bool:
		return strconv.FormatBool(v.Num == 1)
	case Number:
		return strconv.FormatFloat(v.Num, 'f', -1, 64)
	}
	return ""
}

// Map decodes all fields; for display and tests, not for the hot path.
func (f Fields) Map() map[string]any {
	m := make(map[string]any)
	f.Each(func(key []byte, v Value) {
		switch v.Kind {
		case Missing:
		case Number:
			m[string(key)] = v.Num
		case String:
			m[string(key)] = v.Str
		case Bool:
			m[string(key)] = v.Num == 1
		}
	})
	return m
}

// String prints the fields sorted by name, for messages and tests.
func (f Fields) String() string {
	m := f.Map()
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%v", k, m[k])
	}
	return b.String()
}
