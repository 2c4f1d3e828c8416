package triggers

import (
	"fmt"
	"strings"
)

// Incoming is an event that came in at a door, where no subject says its type and
// target: it says them itself.
type Incoming struct {
	Index int // position in the request, from 0
	Event Event
}

// DecodeIntake reads the body of a request. Shapes: a JSON object or array,
// NDJSON, a structured CloudEvent, a batch of them, or a binary one (ce-* headers,
// the body is its data). Batches may mix them.
//
// A CloudEvent's type is its type; its target the extension attribute target, else
// data.target. An object without specversion is one of two forms:
//
//	{"type":"payment","target":"fraud-scorer","id":"7","data":{"amount":5}}
//	{"type":"payment","target":"fraud-scorer","id":"7","amount":5}
//
// In the first, which is any that has an object under data, only data become
// fields, and other members than id, time, version, source, type and target are
// refused; in the second all members become fields.
//
// An empty id and a zero time stay empty: the caller gives an id, Decode the
// time. An empty source is "http".
func DecodeIntake(contentType string, headers map[string][]string, body []byte) ([]Incoming, []Reject) {
	if attribute(headers, "specversion") != "" && !isStructured(contentType) {
		return intakeBinary(contentType, headers, body)
	}
	elements, rest, err := split(body)
	if err != nil {
		return nil, []Reject{{Index: Whole, Reason: err.Error(), Raw: body}}
	}
	if rest != nil {
		return nil, []Reject{{Index: Whole, Reason: tooMany, Raw: body}}
	}
	structured := isStructured(contentType)
	incoming := make([]Incoming, 0, len(elements))
	var rejects []Reject
	for i, element := range elements {
		ev, err := decodeSelfContained(element, structured)
		if err != nil {
			rejects = append(rejects, Reject{Index: i, Reason: err.Error(), Raw: element})
			continue
		}
		incoming = append(incoming, Incoming{Index: i, Event: ev})
	}
	return incoming, rejects
}

func intakeBinary(contentType string, headers map[string][]string, body []byte) ([]Incoming, []Reject) {
	ev, err := binaryEvent(headers, contentType, body, true)
	if err == nil {
		err = admit(&ev)
	}
	if err != nil {
		return nil, []Reject{{Index: 0, Reason: err.Error(), Raw: body}}
	}
	return []Incoming{{Event: ev}}, nil
}

// DecodeEvent reads one object that says everything itself, in the forms of
// DecodeIntake.
func DecodeEvent(object []byte) (Event, error) { return decodeSelfContained(object, false) }

func decodeSelfContained(object []byte, structured bool) (Event, error) {
	env, err := open(object)
	if err != nil {
		return Event{}, err
	}
	var ev Event
	switch {
	case structured || env.spec != nil:
		ev, err = env.cloudEvent(true)
	case len(env.data) > 0 && env.data[0] == '{':
		ev, err = env.wrapped()
	default:
		if ev, err = env.plain(object); err == nil {
			var t texts
			ev.Type = t.read("type", env.typ)
			err = t.err
		}
	}
	if err != nil {
		return Event{}, err
	}
	return ev, admit(&ev)
}

// wrapped reads the form that has its data under data.
func (e *envelope) wrapped() (Event, error) {
	if e.stray != "" {
		return Event{}, fmt.Errorf("%q stands beside data: move it into data, or leave data out", e.stray)
	}
	ev, err := e.identity()
	if err != nil {
		return Event{}, err
	}
	check := fieldcheck{scanner: scanner{buf: e.data}}
	if err := check.object(nil, 0); err != nil {
		return Event{}, err
	}
	ev.Fields = Fields{raw: e.data}
	var t texts
	ev.Type = t.read("type", e.typ)
	if ev.Target == "" {
		ev.Target = t.read("data.target", check.target)
	}
	if ev.Version == "" {
		ev.Version = t.read("data.version", check.version)
	}
	if t.err != nil {
		return Event{}, t.err
	}
	return ev, ev.checkIdentity()
}

// admit holds an event to what its subject will be made of.
func admit(ev *Event) error {
	switch {
	case ev.Type == "":
		return fmt.Errorf("the event has no type: say which signal it feeds, such as \"type\":\"prediction\"")
	case !ValidName(ev.Type):
		return fmt.Errorf("type %.80q is no name: use letters, digits, _ and -, at most %d", ev.Type, maxName)
	case ev.Type == TypeTick:
		return fmt.Errorf("type %s is Ripcord's own", TypeTick)
	case ev.Target == "":
		return fmt.Errorf("the event has no target: say which one it is about, such as \"data\":{\"target\":\"fraud-scorer\"}")
	case !ValidName(ev.Target):
		return fmt.Errorf("target %.80q is no name: use letters, digits, _ and -, at most %d", ev.Target, maxName)
	}
	if ev.Source == "" {
		ev.Source = SourceHTTP
	}
	ev.Type, ev.Target = strings.Clone(ev.Type), strings.Clone(ev.Target)
	ev.own()
	return nil
}
