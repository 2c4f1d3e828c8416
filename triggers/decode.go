package triggers

import (
	"fmt"
	"strconv"
)

// Reject is an element of a message or a request that can not be an event.
type Reject struct {
	// Index is its position in the batch, from 0; Whole means the body as such.
	Index  int
	Reason string // one sentence: what is wrong, and what to do where that is not plain
	Raw    []byte // the element as it came in
}

// Whole is the index of a reject that is about a whole body.
const Whole = -1

// The sources of events that name none.
const (
	SourceNATS         = "nats"
	SourceHTTP         = "http"
	SourceAlertmanager = "alertmanager"
)

// Decode reads a stored message of the events stream. It is total and
// deterministic: the same message gives the same events, in the order of the
// body, and whatever is not an event is a Reject; one bad element does not lose
// the others.
//
// The body is a JSON object, a JSON array of objects, or NDJSON. An object with
// specversion, or any object under the content type application/cloudevents+json,
// is a structured CloudEvent; under ce-* headers the body is the data of a binary
// one; any other object is plain data. Type and target are the subject's: an event
// that says otherwise is rejected, and so is one whose target knownTarget (nil:
// every target) does not know.
//
// Plain data may carry id, time (RFC 3339, or seconds or milliseconds since 1970),
// version, source and target: they are lifted into the Event and stay readable as
// fields. An empty source is "nats". An empty id is the stream sequence and the
// index, "17-0", which is the same at each delivery; that of an alert is
// fingerprint|status|startsAt. An empty time is the store time. A tick has no
// events.
func Decode(m Message, knownTarget func(string) bool) ([]Event, []Reject) {
	if m.Type == TypeTick {
		return nil, nil
	}
	if err := m.check(knownTarget); err != nil {
		return nil, []Reject{{Index: Whole, Reason: err.Error(), Raw: m.Body}}
	}
	if attribute(m.Header, "specversion") != "" {
		return m.binary()
	}
	elements, rest, err := split(m.Body)
	if err != nil {
		return nil, []Reject{{Index: Whole, Reason: err.Error(), Raw: m.Body}}
	}
	structured := isStructured(header(m.Header, "Content-Type"))
	events := make([]Event, 0, len(elements))
	var rejects []Reject
	for i, element := range elements {
		ev, err := m.element(element, i, structured)
		if err != nil {
			rejects = append(rejects, Reject{Index: i, Reason: err.Error(), Raw: element})
			continue
		}
		events = append(events, ev)
	}
	if rest != nil {
		rejects = append(rejects, Reject{Index: len(elements), Reason: tooMany, Raw: rest})
	}
	return events, rejects
}

var tooMany = fmt.Sprintf("the body holds more than %d events: send them in several", MaxEvents)

func isStructured(contentType string) bool {
	media := mediaType(contentType)
	return media == ContentEvent || media == ContentEventBatch
}

func (m *Message) check(knownTarget func(string) bool) error {
	switch {
	case !ValidName(m.Type):
		return fmt.Errorf("the subject's type %.80q is no name: use letters, digits, _ and -, at most %d", m.Type, maxName)
	case !ValidName(m.Target):
		return fmt.Errorf("the subject's target %.80q is no name: use letters, digits, _ and -, at most %d", m.Target, maxName)
	case knownTarget != nil && !knownTarget(m.Target):
		return fmt.Errorf("target %s is not configured", m.Target)
	}
	return nil
}

func (m *Message) binary() ([]Event, []Reject) {
	ev, err := binaryEvent(m.Header, attribute(m.Header, "datacontenttype"), m.Body, false)
	if err == nil {
		err = m.settle(&ev, 0)
	}
	if err != nil {
		return nil, []Reject{{Index: 0, Reason: err.Error(), Raw: m.Body}}
	}
	return []Event{ev}, nil
}

// binaryEvent reads a CloudEvent of the binary mode: its attributes are headers,
// its data the body. atDoor as in withData.
func binaryEvent(h map[string][]string, media string, body []byte, atDoor bool) (Event, error) {
	if err := checkCloudEvent(attribute(h, "specversion"), media); err != nil {
		return Event{}, err
	}
	ev := Event{
		ID: attribute(h, "id"), Source: attribute(h, "source"), Type: attribute(h, "type"),
		Target: attribute(h, "target"), Version: attribute(h, "version"),
	}
	var err error
	if ev.Time, err = parseRFC3339(attribute(h, "time")); err != nil {
		return Event{}, err
	}
	if skipSpace(body, 0) < len(body) {
		if err := verify(body, false); err != nil {
			return Event{}, err
		}
	}
	return withData(ev, body, atDoor)
}

func (m *Message) element(object []byte, index int, structured bool) (Event, error) {
	env, err := open(object)
	if err != nil {
		return Event{}, err
	}
	var ev Event
	if structured || env.spec != nil {
		ev, err = env.cloudEvent(false)
	} else {
		ev, err = env.plain(object)
	}
	if err != nil {
		return Event{}, err
	}
	return ev, m.settle(&ev, index)
}

// settle holds the event to its subject and fills in what it does not say.
func (m *Message) settle(ev *Event, index int) error {
	if ev.Type != "" && ev.Type != m.Type {
		return fmt.Errorf("the event's type is %q, its subject's %q", ev.Type, m.Type)
	}
	if ev.Target != "" && ev.Target != m.Target {
		return fmt.Errorf("the event's target is %q, its subject's %q", ev.Target, m.Target)
	}
	ev.Type, ev.Target = m.Type, m.Target
	if ev.Source == "" {
		ev.Source = SourceNATS
		if m.Type == TypeAlert {
			ev.Source = SourceAlertmanager
		}
	}
	if ev.ID == "" && m.Type == TypeAlert {
		ev.ID = alertID(ev.Fields.Text("fingerprint"), ev.Fields.Text("status"), ev.Fields.Text("startsAt"))
	}
	if ev.ID == "" {
		ev.ID = strconv.FormatUint(m.Seq, 10) + "-" + strconv.Itoa(index)
	}
	if ev.Time.IsZero() {
		ev.Time = m.Stored
	}
	ev.own()
	return ev.checkIdentity()
}
