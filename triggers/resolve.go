package triggers

import (
	"fmt"
	"strings"
)

// PlaceKind is the kind of a place where a target's name may stand.
type PlaceKind uint8

// The kinds of place.
const (
	PlaceLabel      PlaceKind = iota // labels.<name>
	PlaceAnnotation                  // annotations.<name>
	PlaceData                        // data.<name>
	PlaceSubject                     // subject_token: <n>
)

// Place is where to look for the name of an event's target.
type Place struct {
	Kind  PlaceKind
	Name  string
	Token int // of PlaceSubject, from 1
}

func (p Place) String() string {
	switch p.Kind {
	case PlaceLabel:
		return "labels." + p.Name
	case PlaceAnnotation:
		return "annotations." + p.Name
	case PlaceData:
		return "data." + p.Name
	case PlaceSubject:
		return fmt.Sprintf("subject_token: %d", p.Token)
	}
	return "nowhere"
}

// Places are looked at in their order, and the first that holds anything decides:
// an event that names one target is never taken for another one's because the name
// is not configured.
type Places []Place

// DefaultPlaces are those of an Alertmanager source that names none.
func DefaultPlaces() Places {
	return Places{{Kind: PlaceLabel, Name: "ripcord_target"}, {Kind: PlaceLabel, Name: "service"}}
}

// ParsePlaces reads what stands under target: in a source, as a YAML or JSON
// decoder gives it: labels.<name>, annotations.<name>, data.<name>,
// {subject_token: <n>} or {label: <name>}; one of them or a list.
func ParsePlaces(spec any) (Places, error) {
	list, ok := spec.([]any)
	if !ok {
		list = []any{spec}
	}
	var places Places
	for _, entry := range list {
		p, err := parsePlace(entry)
		if err != nil {
			return nil, err
		}
		places = append(places, p)
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("no place is listed: say where the target's name stands, such as labels.service")
	}
	return places, nil
}

func parsePlace(entry any) (Place, error) {
	switch entry := entry.(type) {
	case string:
		root, name, _ := strings.Cut(entry, ".")
		kind, ok := map[string]PlaceKind{"labels": PlaceLabel, "annotations": PlaceAnnotation, "data": PlaceData}[root]
		if !ok || name == "" {
			return Place{}, fmt.Errorf("%q is no place: use labels.<name>, annotations.<name>, data.<name>, {label: <name>} or {subject_token: <n>}", entry)
		}
		return Place{Kind: kind, Name: name}, nil
	case map[string]any:
		return parsePlaceMap(entry)
	}
	return Place{}, fmt.Errorf("%v is no place: use labels.<name>, annotations.<name>, data.<name>, {label: <name>} or {subject_token: <n>}", entry)
}

func parsePlaceMap(entry map[string]any) (Place, error) {
	if len(entry) != 1 {
		return Place{}, fmt.Errorf("a place has one key, {label: <name>} or {subject_token: <n>}; this one has %d", len(entry))
	}
	if name, ok := entry["label"].(string); ok && name != "" {
		return Place{Kind: PlaceLabel, Name: name}, nil
	}
	token, found := entry["subject_token"]
	if !found {
		return Place{}, fmt.Errorf("%v is no place: use {label: <name>} or {subject_token: <n>}", entry)
	}
	n := 0
	switch token := token.(type) {
	case int:
		n = token
	case int64:
		n = int(token)
	case uint64:
		n = int(min(token, 1<<31))
	case float64:
		n = int(token)
	}
	if n < 1 || n > 64 {
		return Place{}, fmt.Errorf("subject_token is %v: it counts from 1", token)
	}
	return Place{Kind: PlaceSubject, Token: n}, nil
}

// Unresolved says why no target was found. Named is the name that was there but is
// not configured, if it could be one.
type Unresolved struct {
	Named  string
	Reason string
}

func (u *Unresolved) Error() string { return u.Reason }

// Resolve finds the target's name: at looks at one place, known knows the
// configured targets. The error is an *Unresolved that lists what was looked at.
func (p Places) Resolve(at func(Place) string, known func(string) bool) (string, error) {
	var empty []string
	for _, place := range p {
		name := at(place)
		if name == "" {
			empty = append(empty, place.String())
			continue
		}
		if ValidName(name) && known(name) {
			return name, nil
		}
		return "", unresolved(place, name, empty)
	}
	return "", &Unresolved{Reason: fmt.Sprintf("no target is named: %s %s empty", strings.Join(empty, ", "), plural(len(empty)))}
}

func unresolved(place Place, name string, empty []string) *Unresolved {
	u := &Unresolved{}
	if ValidName(name) {
		u.Named = name
		u.Reason = fmt.Sprintf("target %s (from %s) is not configured", name, place)
	} else {
		u.Reason = fmt.Sprintf("%.80q (from %s) can not be the name of a target", name, place)
	}
	if len(empty) > 0 {
		u.Reason += fmt.Sprintf("; before it, %s %s empty", strings.Join(empty, ", "), plural(len(empty)))
	}
	return u
}

func plural(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// SubjectToken is the n-th token of a subject, from 1; empty when it has fewer.
func SubjectToken(subject string, n int) string {
	for ; n > 1; n-- {
		var ok bool
		if _, subject, ok = strings.Cut(subject, "."); !ok {
			return ""
		}
	}
	token, _, _ := strings.Cut(subject, ".")
	return token
}
