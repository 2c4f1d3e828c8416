package triggers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var stored = time.Date(2026, 11, 23, 10, 0, 1, 0, time.UTC)

func known(name string) bool { return name == "fraud-scorer" }

func message(body string, headers ...string) Message {
	m := Message{Seq: 17, Stored: stored, Type: "prediction", Target: "fraud-scorer", Header: map[string][]string{}, Body: []byte(body)}
	for i := 0; i < len(headers); i += 2 {
		m.Header[headers[i]] = []string{headers[i+1]}
	}
	return m
}

// line prints an event as one line, for tables.
func line(ev Event) string {
	return fmt.Sprintf("%s %s %s %s %q %s {%s}", ev.Source, ev.ID, ev.Type, ev.Target, ev.Version, ev.Time.Format(time.RFC3339Nano), ev.Fields)
}

func lines(events []Event) string {
	var all []string
	for _, ev := range events {
		all = append(all, line(ev))
	}
	return strings.Join(all, "\n")
}

func reasons(rejects []Reject) string {
	var all []string
	for _, r := range rejects {
		all = append(all, fmt.Sprintf("%d: %s", r.Index, r.Reason))
	}
	return strings.Join(all, "\n")
}

func TestDecodeReadsEachShape(t *testing.T) {
	for name, c := range map[string]struct {
		m    Message
		want string
	}{
		"plain data take what they lack from the message": {
			message(`{"score":1}`),
			`nats 17-0 prediction fraud-scorer "" 2026-11-23T10:00:01Z {score=1}`,
		},
		"reserved keys of plain data are lifted and stay readable": {
			message(`{"id":"p1","time":"2026-11-23T12:00:00+02:00","version":"v42","source":"s7","target":"fraud-scorer"}`),
			`s7 p1 prediction fraud-scorer "v42" 2026-11-23T10:00:00Z {id=p1 source=s7 target=fraud-scorer time=2026-11-23T12:00:00+02:00 version=v42}`,
		},
		"numbers serve as id and version as they are written": {
			message(`{"id":12345678901234567890,"version":1.10,"time":1795082400}`),
			`nats 12345678901234567890 prediction fraud-scorer "1.10" 2026-11-19T10:00:00Z {id=1.2345678901234567e+19 time=1.7950824e+09 version=1.1}`,
		},
		"a time of 13 digits is in milliseconds": {
			message(`{"time":1795082400120}`),
			`nats 17-0 prediction fraud-scorer "" 2026-11-19T10:00:00.12Z {time=1.79508240012e+12}`,
		},
		"an array is a batch": {
			message(` [ {"a":1} , {"a":2,"id":"x"} ] `),
			"nats 17-0 prediction fraud-scorer \"\" 2026-11-23T10:00:01Z {a=1}\nnats x prediction fraud-scorer \"\" 2026-11-23T10:00:01Z {a=2 id=x}",
		},
		"lines are a batch": {
			message("{\"a\":1}\r\n\n{\"a\":2}\n"),
			"nats 17-0 prediction fraud-scorer \"\" 2026-11-23T10:00:01Z {a=1}\nnats 17-1 prediction fraud-scorer \"\" 2026-11-23T10:00:01Z {a=2}",
		},
		"one object may stand on many lines": {
			message("{\n\"a\":\n1}\n"),
			`nats 17-0 prediction fraud-scorer "" 2026-11-23T10:00:01Z {a=1}`,
		},
		"a structured CloudEvent is known by its specversion": {
			message(event256),
			`scorer-7 9f1c2b3a4d5e6f70 prediction fraud-scorer "v42" 2026-11-23T10:00:00.12Z {age_band=18-25 decision=block latency_ms=41 prediction_id=p-1 score=0.93 target=fraud-scorer version=v42}`,
		},
		"a structured CloudEvent may say target and version as extension attributes, which win": {
			message(`{"specversion":"1.0","id":"1","source":"s","type":"prediction","target":"fraud-scorer","version":"v1","data":{"target":"http://probe","version":"v2"}}`, "content-type", "Application/CloudEvents+JSON; charset=utf-8"),
			`s 1 prediction fraud-scorer "v1" 2026-11-23T10:00:01Z {target=http://probe version=v2}`,
		},
		"a CloudEvent may have no data": {
			message(`{"specversion":"1.0","id":"1","source":"s","type":"prediction"}`),
			`s 1 prediction fraud-scorer "" 2026-11-23T10:00:01Z {}`,
		},
		"a batch may mix CloudEvents and plain data": {
			message(`[{"specversion":"1.0","id":"1","source":"s","type":"prediction","data":{"a":1}},{"a":2}]`),
			"s 1 prediction fraud-scorer \"\" 2026-11-23T10:00:01Z {a=1}\nnats 17-1 prediction fraud-scorer \"\" 2026-11-23T10:00:01Z {a=2}",
		},
		"a binary CloudEvent has its attributes in headers of any case, decoded once": {
			message(`{"a":1,"version":"v9"}`, "CE-SpecVersion", "1.0", "Ce-Id", "a%2520b%20%C3%A4", "ce-source", "50%", "ce-type", "prediction", "ce-time", "2026-11-23T10:00:00Z", "ce-datacontenttype", "application/json; charset=utf-8"),
			`50% a%20b ä prediction fraud-scorer "v9" 2026-11-23T10:00:00Z {a=1 version=v9}`,
		},
		"a tick has no events": {Message{Type: TypeTick, Target: TargetAll, Body: []byte(`{}`)}, ""},
		"an alert in plain data is identified by fingerprint, status and start": {
			Message{Type: TypeAlert, Target: "fraud-scorer", Stored: stored, Body: []byte(`{"fingerprint":"ab","status":"firing","startsAt":"2026-11-23T10:00:00Z"}`)},
			`alertmanager ab|firing|2026-11-23T10:00:00Z alert fraud-scorer "" 2026-11-23T10:00:01Z {fingerprint=ab startsAt=2026-11-23T10:00:00Z status=firing}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			events, rejects := Decode(c.m, known)
			if diff := cmp.Diff(c.want, lines(events)); diff != "" || rejects != nil {
				t.Errorf("%s\nrejects: %s", diff, reasons(rejects))
			}
		})
	}
}

func TestDecodeRejectsWithItsReason(t *testing.T) {
	ce := func(rest string) Message { return message(`{"specversion":"1.0","id":"1","source":"s",` + rest + `}`) }
	for name, c := range map[string]struct {
		m    Message
		want string
	}{
		"a target that is not configured":        {Message{Type: "a", Target: "b", Body: []byte(`{}`)}, "-1: target b is not configured"},
		"a type that is no name":                 {Message{Type: "a.b", Target: "fraud-scorer"}, `-1: the subject's type "a.b" is no name`},
		"the target of ticks, for another type":  {Message{Type: "a", Target: TargetAll}, `-1: the subject's target "_all" is no name`},
		"an empty body":                          {message(" \n"), "-1: the body is empty"},
		"a body that is a number":                {message("17"), "0: it is not a JSON object"},
		"a body that is text":                    {message("hello"), "-1: the body can not be read: it is not valid JSON: byte 1"},
		"an array that was cut off":              {message(`[{"a":1},{"a":2}`), "-1: the array has no end"},
		"an array with something behind it":      {message(`[{"a":1}] x`), "-1: byte 11 follows"},
		"an array that a brace closes":           {message(`[{"a":1}}`), "-1: the array is closed by '}'"},
		"one object that was cut off":            {message("{\"a\":1,\n\"b\":"), "-1: the body can not be read"},
		"an element that is no object":           {message(`[1]`), "0: it is not a JSON object"},
		"NaN":                                    {message(`[{"a":NaN}]`), "0: it is not valid JSON: byte 6 should have a value (NaN"},
		"a key twice":                            {message(`[{"a":1,"a":1}]`), `0: the key "a" comes twice`},
		"invalid UTF-8":                          {message("[{\"a\":\"\xff\"}]"), "not valid UTF-8"},
		"a target that its subject contradicts":  {message(`{"target":"other"}`), `0: the event's target is "other", its subject's "fraud-scorer"`},
		"a data.target that contradicts":         {ce(`"type":"prediction","data":{"target":"other"}`), `0: the event's target is "other", its subject's "fraud-scorer"`},
		"a CloudEvents type that contradicts":    {ce(`"type":"payment"`), `0: the event's type is "payment", its subject's "prediction"`},
		"a CloudEvent of another version":        {message(`{"specversion":"0.3","id":"1","source":"s"}`), `0: specversion is "0.3"`},
		"a CloudEvent without an id":             {message(`{"specversion":"1.0","source":"s","type":"prediction"}`), "needs an id and a source"},
		"a CloudEvent by its content type only":  {message(`{"a":1}`, "Content-Type", ContentEvent), `0: specversion is ""`},
		"base64 data":                            {ce(`"type":"prediction","data_base64":"e30="`), "data_base64 is not read"},
		"data that are an array":                 {ce(`"type":"prediction","data":[1]`), "the data is not a JSON object"},
		"data of another type":                   {ce(`"type":"prediction","datacontenttype":"text/xml","data":"<a/>"`), `of type "text/xml"`},
		"a time that is none":                    {message(`{"time":"yesterday"}`), `0: time is "yesterday"`},
		"a time before 1970":                     {message(`{"time":-5}`), "0: time is -5"},
		"a time in nanoseconds":                  {message(`{"time":1795082400120000000}`), "seconds or milliseconds"},
		"a version that is an object":            {message(`{"version":{"a":1}}`), "version is {"},
		"a version with a control character":     {message(`{"version":"v\u0007"}`), "version holds a control character"},
		"an id that is too long":                 {message(`{"id":"` + strings.Repeat("i", 513) + `"}`), "id has 513 bytes"},
		"a binary CloudEvent with a broken body": {message(`{"a":`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "s", "ce-type", "prediction"), "not valid JSON"},
		"a binary CloudEvent with a bad time":    {message(`{}`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "s", "ce-time", "x"), "time is"},
	} {
		t.Run(name, func(t *testing.T) {
			events, rejects := Decode(c.m, known)
			if len(events) > 0 || !strings.Contains(reasons(rejects), c.want) {
				t.Errorf("events: %s\nrejects: %s\nwant %s", lines(events), reasons(rejects), c.want)
			}
		})
	}
}

func TestOneBadElementDoesNotLoseTheOthers(t *testing.T) {
	for name, body := range map[string]string{
		"in an array": `[{"a":1},{"a":NaN},{"a":"]}"},{"a":1,"a":2},,{"a":5}]`,
		"in lines":    "{\"a\":1}\n{\"a\":NaN}\n{\"a\":\"]}\"}\n{\"a\":1,\"a\":2}\n}\n{\"a\":5}",
	} {
		t.Run(name, func(t *testing.T) {
			events, rejects := Decode(message(body), known)
			var ids, bad []string
			for _, ev := range events {
				ids = append(ids, ev.ID)
			}
			for _, r := range rejects {
				bad = append(bad, fmt.Sprint(r.Index, " ", string(r.Raw)))
			}
			want := []string{`1 {"a":NaN}`, `3 {"a":1,"a":2}`, "4 "}
			if name == "in lines" {
				want[2] = "4 }"
			}
			if diff := cmp.Diff([]string{"17-0", "17-2", "17-5"}, ids); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want, bad); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsBeyondTheCapComesBackReadable(t *testing.T) {
	for name, body := range map[string]string{
		"an array": "[" + strings.Repeat(`{"a":1},`, MaxEvents+1) + `{"a":2}]`,
		"lines":    strings.Repeat("{\"a\":1}\n", MaxEvents+1) + `{"a":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			events, rejects := Decode(message(body), known)
			if len(events) != MaxEvents || len(rejects) != 1 || rejects[0].Index != MaxEvents {
				t.Fatalf("%d events, rejects %s", len(events), reasons(rejects))
			}
			again, rejects := Decode(message(string(rejects[0].Raw)), known)
			if len(again) != 2 || len(rejects) != 0 {
				t.Errorf("%d events in the rest, rejects %s", len(again), reasons(rejects))
			}
		})
	}
}

func events() *rapid.Generator[Event] {
	text := rapid.StringMatching(`[a-zA-Z0-9 "\\äé<>&|:/.-]{1,20}`)
	return rapid.Custom(func(t *rapid.T) Event {
		m := rapid.MapOfN(rapid.StringMatching(`[a-z_"]{1,8}`), scalar(), 0, 12).Draw(t, "data")
		ev := Event{
			ID: text.Draw(t, "id"), Source: text.Draw(t, "source"),
			Type:   rapid.SampledFrom([]string{"prediction", "alert", "x_1"}).Draw(t, "type"),
			Target: rapid.SampledFrom([]string{"fraud-scorer", "a"}).Draw(t, "target"),
			Time:   time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
		}
		for _, reserved := range []string{"target", "version", "id", "time"} {
			delete(m, reserved)
		}
		if rapid.Bool().Draw(t, "versioned") {
			ev.Version = text.Draw(t, "version")
			if rapid.Bool().Draw(t, "in the data") {
				m["version"] = ev.Version
			}
		}
		if rapid.Bool().Draw(t, "target in the data") {
			m["target"] = rapid.SampledFrom([]string{ev.Target, "http://other"}).Draw(t, "data.target")
		}
		ev.Fields = MakeFields(m)
		return ev
	})
}

func TestDecodeReadsBackWhatEncodeWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(events(), 1, 8).Draw(t, "events")
		var body []byte
		for i := range list {
			list[i].Type, list[i].Target = list[0].Type, list[0].Target
			body = append(AppendEvent(body, list[i]), '\n')
		}
		m := Message{Seq: 1, Stored: stored, Type: list[0].Type, Target: list[0].Target, Header: map[string][]string{"Content-Type": {ContentNDJSON}}, Body: body}
		got, rejects := Decode(m, nil)
		if len(rejects) > 0 {
			t.Fatalf("%s\nrejects: %s", body, reasons(rejects))
		}
		if diff := cmp.Diff(list, got, cmp.Comparer(func(a, b Fields) bool { return bytes.Equal(a.Raw(), b.Raw()) })); diff != "" {
			t.Fatalf("%s\nwritten (-), read (+)\n%s", body, diff)
		}
	})
}

func TestEncodeWritesOneLineThatOtherParsersRead(t *testing.T) {
	ev := Event{ID: "a\nb", Source: "s\"", Type: "x", Target: "t", Fields: RawFields([]byte("{\n \"a\": \"b\\n\",\r\n \"c\": 1 }"))}
	raw := Encode(ev)
	var out struct {
		ID, Source, Target string
		Data               map[string]any
	}
	if err := json.Unmarshal(raw, &out); err != nil || bytes.ContainsAny(raw, "\r\n") {
		t.Fatalf("%s: %v", raw, err)
	}
	if out.ID != "a\nb" || out.Source != "s\"" || out.Target != "t" || out.Data["a"] != "b\n" {
		t.Errorf("%+v", out)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{event256, data140, `[{"a":1},{"a":NaN}]`, "{\"a\":1}\n{\"b\":2}", `{"specversion":"1.0"`, `[`, `[,]`, `{"time":1e400}`} {
		f.Add([]byte(seed), "", "")
		f.Add([]byte(seed), ContentEvent, "1.0")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType, spec string) {
		m := message(string(body), "content-type", contentType, "ce-specversion", spec, "ce-id", "%2", "ce-source", "s", "ce-type", "prediction")
		events, rejects := Decode(m, known)
		for _, r := range rejects {
			if r.Reason == "" {
				t.Errorf("a reject without a reason: %+v", r)
			}
		}
		for _, ev := range events {
			if ev.ID == "" || ev.Source == "" || ev.Type != "prediction" || ev.Target != "fraud-scorer" || ev.Time.IsZero() {
				t.Errorf("incomplete event %+v", ev)
			}
			again, bad := Decode(Message{Type: ev.Type, Target: ev.Target, Body: Encode(ev)}, nil)
			if len(bad) > 0 || len(again) != 1 || line(again[0]) != line(ev) {
				t.Errorf("%s\nencodes to %s\nand decodes to %s %s", line(ev), Encode(ev), lines(again), reasons(bad))
			}
		}
	})
}

func BenchmarkDecodeCloudEvent(b *testing.B) {
	m := message(event256)
	b.ReportAllocs()
	for b.Loop() {
		if events, _ := Decode(m, known); len(events) != 1 {
			b.Fatal(events)
		}
	}
}

func BenchmarkDecodeBatchOf100(b *testing.B) {
	m := message(strings.Repeat(event256+"\n", 100))
	b.ReportAllocs()
	for b.Loop() {
		if events, _ := Decode(m, known); len(events) != 100 {
			b.Fatal(events)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
}

func BenchmarkDecodeEncodingJSON(b *testing.B) {
	type cloudEvent struct {
		SpecVersion, ID, Source, Type string
		Time                          time.Time
		Data                          map[string]any
	}
	b.ReportAllocs()
	for b.Loop() {
		var ev cloudEvent
		if err := json.Unmarshal([]byte(event256), &ev); err != nil {
			b.Fatal(err)
		}
	}
}
