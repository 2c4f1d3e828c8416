package triggers

import (
	"fmt"
	"strconv"
	"time"
)

// Foreign says how messages that were not made for Ripcord become events: JSON
// objects, one a message, in an array or as lines, of one type.
type Foreign struct {
	Name string // becomes the events' source
	Type string
	// Target is where the target's name stands: a token of the subject, or fields
	// of the data.
	Target Places
	// Version and Time are the fields of version and time. An empty Version means
	// whatever served at the time, an empty Time the store time.
	Version, Time string
}

// Decode reads one message of a foreign stream. Its position makes the events'
// ids, so that a message that comes again is the same events.
func (f Foreign) Decode(subject string, seq uint64, stored time.Time, body []byte, knownTarget func(string) bool) ([]Event, []Reject) {
	elements, rest, err := split(body)
	if err != nil {
		return nil, []Reject{{Index: Whole, Reason: err.Error(), Raw: body}}
	}
	var events []Event
	var rejects []Reject
	for i, element := range elements {
		ev, err := f.event(subject, stored, element, knownTarget)
		if err != nil {
			rejects = append(rejects, Reject{Index: i, Reason: err.Error(), Raw: element})
			continue
		}
		ev.ID = fmt.Sprintf("%d-%d", seq, i)
		events = append(events, ev)
	}
	if rest != nil {
		rejects = append(rejects, Reject{Index: len(elements), Reason: tooMany, Raw: rest})
	}
	return events, rejects
}

func (f Foreign) event(subject string, stored time.Time, object []byte, knownTarget func(string) bool) (Event, error) {
	fields, err := ParseFields(object)
	if err != nil {
		return Event{}, err
	}
	ev := Event{Source: f.Name, Type: f.Type, Time: stored, Fields: fields}
	ev.Target, err = f.Target.Resolve(func(p Place) string {
		switch p.Kind {
		case PlaceSubject:
			return SubjectToken(subject, p.Token)
		case PlaceData:
			return fields.Text(p.Name)
		case PlaceLabel, PlaceAnnotation:
		}
		return ""
	}, knownTarget)
	if err != nil {
		return Event{}, err
	}
	if f.Version != "" {
		ev.Version = fields.Text(f.Version)
	}
	if f.Time != "" {
		if ev.Time, err = fieldTime(fields.Lookup(f.Time), stored); err != nil {
			return Event{}, fmt.Errorf("field %s: %w", f.Time, err)
		}
	}
	return ev, nil
}

// fieldTime reads a field as parseTime reads the time of an event.
func fieldTime(v Value, missing time.Time) (time.Time, error) {
	switch v.Kind {
	case String:
		return parseRFC3339(v.Str)
	case Number:
		return parseTime(strconv.AppendFloat(nil, v.Num, 'f', -1, 64))
	case Missing, Bool:
	}
	return missing, nil
}
