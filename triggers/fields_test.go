package triggers

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// flat is the dumb twin of Fields: encoding/json into a map, flattened one level.
func flat(t testing.TB, object []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(object, &m); err != nil {
		t.Fatalf("twin: %v", err)
	}
	out := make(map[string]any)
	for k, v := range m {
		if nested, ok := v.(map[string]any); ok {
			for k2, v2 := range nested {
				keep(out, k+"."+k2, v2)
			}
			continue
		}
		keep(out, k, v)
	}
	return out
}

func keep(out map[string]any, key string, v any) {
	switch v.(type) {
	case float64, string, bool:
		out[key] = v
	}
}

func scalar() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Float64Range(-1e18, 1e18).AsAny(), rapid.Int32().AsAny(), rapid.Bool().AsAny(),
		rapid.String().AsAny(), rapid.SampledFrom([]string{"", "\"", "\\", "ä\u2028", "a\nb", "💥"}).AsAny(),
	)
}

func object() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		m := rapid.MapOfN(rapid.StringMatching(`[a-zA-Z_"\\ä-]{0,8}`), scalar(), 0, 40).Draw(t, "flat")
		for k, v := range rapid.MapOfN(rapid.StringMatching(`[a-z]{1,5}`), rapid.MapOfN(rapid.StringMatching(`[a-z]{1,5}`), scalar(), 0, 5), 0, 3).Draw(t, "nested") {
			m["n:"+k] = v
		}
		return m
	})
}

func TestFieldsReadWhatEncodingJSONReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := object().Draw(t, "object")
		raw, err := json.Marshal(m)
		if rapid.Bool().Draw(t, "indented") {
			raw, err = json.MarshalIndent(m, " ", "\t")
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFields(raw)
		if err != nil {
			t.Fatalf("ParseFields(%s): %v", raw, err)
		}
		var twin map[string]any
		func() { twin = flat(&testing.T{}, raw) }()
		if diff := cmp.Diff(twin, f.Map()); diff != "" {
			t.Fatalf("%s: encoding/json (-), Fields (+)\n%s", raw, diff)
		}
	})
}

func TestParseFieldsRefusesWhatCanNotBeData(t *testing.T) {
	for name, c := range map[string]struct{ object, want string }{
		"a key twice":                       {`{"a":1,"a":2}`, `the key "a" twice`},
		"a key twice by an escape":          {`{"a":1,"\u0061":2}`, `the key "a" twice`},
		"a nested key and its dotted twin":  {`{"a":{"b":1},"a.b":2}`, `the key "a.b" twice`},
		"a key twice in a nested object":    {`{"a":{"b":1,"b":2}}`, `the key "a.b" twice`},
		"an array as a value":               {`{"a":[1]}`, `array at "a"`},
		"two levels":                        {`{"a":{"b":{}}}`, `too deep at "a.b"`},
		"NaN":                               {`{"a":NaN}`, "NaN and Infinity"},
		"minus infinity":                    {`{"a":-Infinity}`, "NaN and Infinity"},
		"a number that overflows":           {`{"a":1e999}`, "out of range"},
		"a leading zero":                    {`{"a":01}`, "not valid JSON: byte 7"},
		"a trailing comma":                  {`{"a":1,}`, "a key in quotes"},
		"an array instead of an object":     {`[1]`, "not a JSON object"},
		"nothing":                           {``, "not valid JSON"},
		"two objects":                       {`{} {}`, "follows the end"},
		"invalid UTF-8 in a value":          {"{\"a\":\"\xff\"}", "not valid UTF-8"},
		"invalid UTF-8 in a key":            {"{\"\xc3\":1}", "not valid UTF-8"},
		"a raw line end in a string":        {"{\"a\":\"\n\"}", "control character"},
		"an unknown escape":                 {`{"a":"\x"}`, "escape"},
		"a string without end":              {`{"a":"b`, "inside a string"},
		"a string of more than 4 KiB":       {`{"a":"` + strings.Repeat("x", MaxString+1) + `"}`, "4097 bytes"},
		"a key of a word":                   {`{a:1}`, "a key in quotes"},
		"nesting that would eat the stack":  {strings.Repeat("[", 1e6), "nested deeper"},
		"nesting inside objects, very deep": {strings.Repeat(`{"a":`, 1e5), "nested deeper"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseFields([]byte(c.object))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestFieldsAreCountedWithTheNestedOnes(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"n":{`)
	for i := range MaxFields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k` + strings.Repeat("x", i) + `":1`)
	}
	b.WriteString(`}}`)
	if _, err := ParseFields([]byte(b.String())); err == nil || !strings.Contains(err.Error(), "more than 256") {
		t.Errorf("257 fields: %v", err)
	}
}

func TestLookupAndTextOfEachKind(t *testing.T) {
	f := RawFields([]byte(`{"n":-1.5e3,"big":123456789012345678,"s":"a\tb","t":true,"f":false,"z":null,"l":[{"n":1}],"o":{"n":2}}`))
	for name, want := range map[string]string{
		"n": "-1500", "big": "123456789012345680", "s": "a\tb", "t": "true", "f": "false", "z": "", "l": "", "o": "", "o.n": "2", "none": "",
	} {
		if got := f.Text(name); got != want {
			t.Errorf("Text(%q) = %q, want %q", name, got, want)
		}
	}
	if got := f.Lookup("n").Num; got != -1500 {
		t.Errorf("n = %v", got)
	}
	if got := f.String(); !strings.HasPrefix(got, "big=1.2345678901234568e+17 f=false n=-1500 o.n=2") {
		t.Errorf("String() = %s", got)
	}
	if got := string(Fields{}.Raw()); got != "{}" {
		t.Errorf("no fields are %s", got)
	}
}

// FuzzFields: Each never panics, and the verifier accepts exactly what is JSON,
// UTF-8 and not nested too deep.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		event256, `{"a":{"b":1.5e-7,"c":null},"d":[1,{"x":"]"}],"e":"\u00e4\\"}`, `{"a":1`, `{"a":"\`, `{"\ud800":1}`, "[[[", `{"a":-}`, `{"a":1e}`, "\xef\xbb\xbf{}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		RawFields(raw).Each(func(key []byte, v Value) {
			if v.Kind == Number && (math.IsNaN(v.Num) || math.IsInf(v.Num, 0)) {
				t.Errorf("%s is %v", key, v.Num)
			}
		})
		err := verify(raw, false)
		if valid := json.Valid(raw) && utf8.Valid(raw); valid != (err == nil) && (err == nil || !strings.Contains(err.Error(), "nested deeper")) {
			t.Errorf("%q: encoding/json says %v, verify %v", raw, valid, err)
		}
		if fields, err := ParseFields(raw); err == nil {
			if diff := cmp.Diff(flat(t, raw), fields.Map()); diff != "" {
				t.Errorf("%s: encoding/json (-), Fields (+)\n%s", raw, diff)
			}
		}
	})
}

// event256 is the event of DESIGN §4.
const event256 = `{"specversion":"1.0","id":"9f1c2b3a4d5e6f70","source":"scorer-7","type":"prediction","time":"2026-11-23T10:00:00.120Z","data":{"target":"fraud-scorer","version":"v42","decision":"block","score":0.93,"latency_ms":41,"age_band":"18-25","prediction_id":"p-1"}}`

const data140 = `{"target":"fraud-scorer","version":"v42","decision":"block","score":0.93,"latency_ms":41,"age_band":"18-25","prediction_id":"p-1"}`

func BenchmarkScanFields(b *testing.B) {
	f := RawFields([]byte(data140))
	b.SetBytes(int64(len(data140)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		f.Each(func([]byte, Value) { n++ })
		if n != 7 {
			b.Fatal(n)
		}
	}
}

func BenchmarkScanEncodingJSON(b *testing.B) {
	b.SetBytes(int64(len(data140)))
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]any
		if json.Unmarshal([]byte(data140), &m) != nil || len(m) != 7 {
			b.Fatal(m)
		}
	}
}

func BenchmarkParseFields(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseFields([]byte(data140)); err != nil {
			b.Fatal(err)
		}
	}
}
