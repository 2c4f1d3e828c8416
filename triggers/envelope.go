package triggers

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The bounds of what identifies an event.
const (
	maxID      = 512
	maxSource  = 512
	maxVersion = 256
)

// envelope is an object's members that are more than data, as they are written;
// nil where the object has none.
type envelope struct {
	spec, id, source, typ, when, target, version []byte
	data, base64, media                          []byte
	stray                                        string // the first member that is none of these
}

// open verifies the object and finds its envelope.
func open(object []byte) (envelope, error) {
	var e envelope
	err := members(object, false, func(key, raw []byte) error {
		if place := e.place(key); place != nil {
			*place = raw
		} else if e.stray == "" {
			e.stray = string(key)
		}
		return nil
	})
	return e, err
}

func (e *envelope) place(key []byte) *[]byte {
	switch string(key) {
	case "specversion":
		return &e.spec
	case "id":
		return &e.id
	case "source":
		return &e.source
	case "type":
		return &e.typ
	case "time":
		return &e.when
	case "target":
		return &e.target
	case "version":
		return &e.version
	case "data":
		return &e.data
	case "data_base64":
		return &e.base64
	case "datacontenttype":
		return &e.media
	}
	return nil
}

// cloudEvent reads a structured CloudEvent. Target and version are the extension
// attributes of these names, else members of the data. atDoor as in withData.
func (e *envelope) cloudEvent(atDoor bool) (Event, error) {
	var t texts
	spec, media := t.read("specversion", e.spec), t.read("datacontenttype", e.media)
	if t.err != nil {
		return Event{}, t.err
	}
	if err := checkCloudEvent(spec, media); err != nil {
		return Event{}, err
	}
	if e.base64 != nil {
		return Event{}, fmt.Errorf("data_base64 is not read: send data as a JSON object")
	}
	ev, err := e.identity()
	if err != nil {
		return Event{}, err
	}
	if ev.Type = t.read("type", e.typ); t.err != nil {
		return Event{}, t.err
	}
	return withData(ev, e.data, atDoor)
}

// plain reads an object that is data, with its reserved members lifted out.
func (e *envelope) plain(object []byte) (Event, error) {
	if err := checkFields(object); err != nil {
		return Event{}, err
	}
	ev, err := e.identity()
	ev.Fields = Fields{raw: object}
	return ev, err
}

// identity reads what all shapes have in common.
func (e *envelope) identity() (Event, error) {
	when, err := parseTime(e.when)
	if err != nil {
		return Event{}, err
	}
	var t texts
	ev := Event{
		ID: t.read("id", e.id), Source: t.read("source", e.source),
		Target: t.read("target", e.target), Version: t.read("version", e.version), Time: when,
	}
	if t.err != nil {
		return Event{}, t.err
	}
	return ev, ev.checkIdentity()
}

// checkCloudEvent refuses what is not a CloudEvent 1.0 with JSON data.
func checkCloudEvent(spec, media string) error {
	if spec != "1.0" {
		return fmt.Errorf("specversion is %q: CloudEvents 1.0 are read", spec)
	}
	media = mediaType(media)
	if media != "" && media != ContentJSON && media != "text/json" && !strings.HasSuffix(media, "+json") {
		return fmt.Errorf("the data are of type %q: send a JSON object", media)
	}
	return nil
}

// withData completes a CloudEvent by its data: a JSON object, or nothing. The data
// of a stored alert are labels, and one named target is somebody else's word; at a
// door, where no subject speaks, it is the sender's.
func withData(ev Event, data []byte, atDoor bool) (Event, error) {
	if ev.ID == "" || ev.Source == "" {
		return Event{}, fmt.Errorf("a CloudEvent needs an id and a source")
	}
	if data = bytes.TrimSpace(data); len(data) == 0 || string(data) == "null" {
		return ev, nil
	}
	check := fieldcheck{scanner: scanner{buf: data}}
	if err := check.object(nil, 0); err != nil {
		return Event{}, err
	}
	ev.Fields = Fields{raw: data}
	var t texts
	if ev.Target == "" && (atDoor || ev.Type != TypeAlert) {
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

// checkIdentity bounds what is kept, compared and shown.
func (ev *Event) checkIdentity() error {
	for _, part := range []struct {
		name, text string
		limit      int
	}{{"id", ev.ID, maxID}, {"source", ev.Source, maxSource}, {"version", ev.Version, maxVersion}} {
		if len(part.text) > part.limit {
			return fmt.Errorf("%s has %d bytes, at most %d are read", part.name, len(part.text), part.limit)
		}
		if !printable(part.text) {
			return fmt.Errorf("%s holds a control character or invalid UTF-8", part.name)
		}
	}
	return nil
}

// own gives the event texts of its own, so that what is kept of it does not hold
// the message that it came in.
func (ev *Event) own() {
	all := ev.ID + ev.Source + ev.Version
	source, version := len(ev.ID), len(ev.ID)+len(ev.Source)
	ev.ID, ev.Source, ev.Version = all[:source], all[source:version], all[version:]
}

// texts reads strings, and numbers as they are written; null and what is not
// there are empty. The texts share the memory of the message. err is the first
// that was neither.
type texts struct{ err error }

func (t *texts) read(name string, raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	switch c := raw[0]; {
	case c == '"' && bytes.IndexByte(raw, '\\') < 0:
		return shared(raw[1 : len(raw)-1])
	case c == '"':
		return unquote(raw)
	case c == '-' || c >= '0' && c <= '9':
		return shared(raw)
	case c != 'n' && t.err == nil:
		t.err = fmt.Errorf("%s is %.40s: it should be a string", name, raw)
	}
	return ""
}

// Times that are numbers are seconds since 1970 below this bound (the year 5138)
// and milliseconds above it (from 1973 on).
const (
	maxSeconds = 1e11
	maxMillis  = maxSeconds * 1000
)

// parseTime reads RFC 3339, or a number of seconds or milliseconds since 1970.
func parseTime(raw []byte) (time.Time, error) {
	if len(raw) == 0 || raw[0] == 'n' {
		return time.Time{}, nil
	}
	if raw[0] == '"' {
		var t texts
		return parseRFC3339(t.read("time", raw))
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || n < 0 || n >= maxMillis {
		return time.Time{}, fmt.Errorf("time is %.40s: it should be RFC 3339, or seconds or milliseconds since 1970", raw)
	}
	if n >= maxSeconds {
		return time.UnixMicro(int64(n * 1e3)).UTC(), nil
	}
	return time.UnixMicro(int64(n * 1e6)).UTC(), nil
}

func parseRFC3339(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("time is %.60q: it should be RFC 3339 such as 2026-11-23T10:00:00Z, or seconds or milliseconds since 1970", text)
	}
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("time %.60q is out of range", text)
	}
	return t, nil
}
