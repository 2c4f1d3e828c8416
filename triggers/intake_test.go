package triggers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func incomingEvents(in []Incoming) []Event {
	var list []Event
	for _, i := range in {
		list = append(list, i.Event)
	}
	return list
}

func TestIntakeReadsEachShape(t *testing.T) {
	const zero = "0001-01-01T00:00:00Z"
	for name, c := range map[string]struct {
		contentType, body string
		headers           []string
		want              string
	}{
		"an object with data": {
			"application/json", `{"type":"payment","target":"t","id":"7","source":"s","time":1795082400,"version":"v1","data":{"amount":5}}`, nil,
			`s 7 payment t "v1" 2026-11-19T10:00:00Z {amount=5}`,
		},
		"an object with data that say target and version": {
			"", `{"type":"payment","data":{"target":"t","version":1.10}}`, nil,
			`http  payment t "1.10" ` + zero + ` {target=t version=1.1}`,
		},
		"a flat object": {
			"application/json; charset=utf-8", `{"type":"payment","target":"t","amount":5}`, nil,
			`http  payment t "" ` + zero + ` {amount=5 target=t type=payment}`,
		},
		"a flat object whose data is no object": {
			"", `{"type":"payment","target":"t","data":"x"}`, nil,
			`http  payment t "" ` + zero + ` {data=x target=t type=payment}`,
		},
		"a structured CloudEvent": {
			ContentEvent, `{"specversion":"1.0","id":"1","source":"s","type":"payment","data":{"target":"t"}}`, nil,
			`s 1 payment t "" ` + zero + ` {target=t}`,
		},
		"a batch of CloudEvents": {
			ContentEventBatch, `[{"specversion":"1.0","id":"1","source":"s","type":"payment","target":"t"}]`, nil,
			`s 1 payment t "" ` + zero + ` {}`,
		},
		"lines of mixed shapes": {
			ContentNDJSON, "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"payment\",\"target\":\"t\"}\n{\"type\":\"a\",\"target\":\"b\"}", nil,
			"s 1 payment t \"\" " + zero + " {}\nhttp  a b \"\" " + zero + " {target=b type=a}",
		},
		"an alert may name its target in its data, as there is no subject yet": {
			ContentEvent, `{"specversion":"1.0","id":"1","source":"s","type":"alert","data":{"target":"t"}}`, nil,
			`s 1 alert t "" ` + zero + ` {target=t}`,
		},
		"a binary CloudEvent": {
			"application/json", `{"target":"t"}`,
			[]string{"Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "s", "Ce-Type", "payment"},
			`s 1 payment t "" ` + zero + ` {target=t}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			in, rejects := DecodeIntake(c.contentType, message("", c.headers...).Header, []byte(c.body))
			if diff := cmp.Diff(c.want, lines(incomingEvents(in))); diff != "" || len(rejects) > 0 {
				t.Errorf("%s\nrejects: %s", diff, reasons(rejects))
			}
		})
	}
}

func TestIntakeRejectsWithItsReason(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"nothing":                      {``, "-1: the body is empty"},
		"no type":                      {`{"target":"t"}`, "0: the event has no type"},
		"no target":                    {`{"type":"a"}`, "0: the event has no target"},
		"a type with dots":             {`{"type":"com.example.payment","target":"t"}`, `0: type "com.example.payment" is no name`},
		"a tick":                       {`{"type":"tick","target":"t"}`, "0: type tick is Ripcord's own"},
		"the target of ticks":          {`{"type":"a","target":"_all"}`, `0: target "_all" is no name`},
		"a member beside data":         {`{"type":"a","target":"t","amount":5,"data":{}}`, `0: "amount" stands beside data`},
		"a key twice in data":          {`{"type":"a","target":"t","data":{"x":1,"x":2}}`, `0: the data has the key "x" twice`},
		"a second type by an escape":   {`{"type":"a","\u0074ype":"release","target":"t"}`, `0: the key "type" comes twice`},
		"an array in data":             {`{"type":"a","target":"t","data":{"x":[]}}`, `array at "x"`},
		"more than the cap":            {"[" + strings.Repeat("{},", MaxEvents) + "{}]", "-1: the body holds more than 10000 events"},
		"a target that is an object":   {`{"type":"a","data":{"target":{"x":1}}}`, "0: the event has no target"},
		"a target that is a boolean":   {`{"type":"a","data":{"target":true}}`, "0: data.target is true"},
		"the second of two is refused": {`[{"type":"a","target":"t"},{"type":"a"}]`, "1: the event has no target"},
	} {
		t.Run(name, func(t *testing.T) {
			_, rejects := DecodeIntake("application/json", nil, []byte(c.body))
			if !strings.Contains(reasons(rejects), c.want) {
				t.Errorf("got %s, want %q", reasons(rejects), c.want)
			}
		})
	}
}

func TestReadableContentTypes(t *testing.T) {
	for media, want := range map[string]bool{"": true, "Application/JSON;charset=utf-8": true, "application/x-ndjson": true, "text/xml": false, "application/x-www-form-urlencoded": false} {
		if Readable(media) != want {
			t.Errorf("Readable(%q) = %v", media, !want)
		}
	}
}

func FuzzIntake(f *testing.F) {
	for _, seed := range []string{event256, `{"type":"a","target":"t","data":{"version":"v"}}`, `[{"type":"a","target":"t"},{}]`, "{}\n{}"} {
		f.Add([]byte(seed), "application/json", "")
		f.Add([]byte(seed), ContentEvent, "1.0")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType, spec string) {
		in, rejects := DecodeIntake(contentType, map[string][]string{"Ce-Specversion": {spec}, "Ce-Id": {"i"}, "Ce-Source": {"s"}, "Ce-Type": {"a"}}, body)
		for _, r := range rejects {
			if r.Reason == "" {
				t.Errorf("a reject without a reason: %+v", r)
			}
		}
		for _, i := range in {
			ev := i.Event
			if !ValidName(ev.Type) || !ValidName(ev.Target) || ev.Type == TypeTick {
				t.Fatalf("let in: %+v", ev)
			}
			if ev.ID == "" {
				ev.ID = "given"
			}
			again, bad := Decode(Message{Type: ev.Type, Target: ev.Target, Body: Encode(ev)}, nil)
			if len(bad) > 0 || len(again) != 1 || line(again[0]) != line(ev) {
				t.Errorf("%s\nencodes to %s\nand decodes to %s %s", line(ev), Encode(ev), lines(again), reasons(bad))
			}
		}
	})
}
