package triggers

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlacesAreParsedAsYAMLGivesThem(t *testing.T) {
	for name, c := range map[string]struct {
		spec any
		want Places
		err  string
	}{
		"a list of texts": {
			[]any{"labels.ripcord_target", "annotations.a.b", "data.target"},
			Places{{Kind: PlaceLabel, Name: "ripcord_target"}, {Kind: PlaceAnnotation, Name: "a.b"}, {Kind: PlaceData, Name: "target"}},
			"",
		},
		"one text":              {"labels.service", Places{{Kind: PlaceLabel, Name: "service"}}, ""},
		"a token of a subject":  {map[string]any{"subject_token": 3}, Places{{Kind: PlaceSubject, Token: 3}}, ""},
		"a token from JSON":     {[]any{map[string]any{"subject_token": 3.0}}, Places{{Kind: PlaceSubject, Token: 3}}, ""},
		"a label of Prometheus": {map[string]any{"label": "service"}, Places{{Kind: PlaceLabel, Name: "service"}}, ""},
		"nothing":               {[]any{}, nil, "no place is listed"},
		"null":                  {nil, nil, "is no place"},
		"another root":          {"label.service", nil, `"label.service" is no place`},
		"a root without a name": {"labels.", nil, "is no place"},
		"token zero":            {map[string]any{"subject_token": 0}, nil, "counts from 1"},
		"two keys":              {map[string]any{"subject_token": 1, "label": "x"}, nil, "this one has 2"},
		"another key":           {map[string]any{"token": 1}, nil, "is no place"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePlaces(c.spec)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestTheFirstPlaceThatHoldsAnythingDecides(t *testing.T) {
	places := Places{{Kind: PlaceLabel, Name: "ripcord_target"}, {Kind: PlaceLabel, Name: "service"}, {Kind: PlaceAnnotation, Name: "t"}}
	for name, c := range map[string]struct {
		alert               Alert
		want, named, reason string
	}{
		"the first":                  {Alert{Labels: map[string]string{"ripcord_target": "fraud-scorer", "service": "other"}}, "fraud-scorer", "", ""},
		"the last":                   {Alert{Annotations: map[string]string{"t": "fraud-scorer"}}, "fraud-scorer", "", ""},
		"an unknown name stops":      {Alert{Labels: map[string]string{"ripcord_target": "fraud-eu", "service": "fraud-scorer"}}, "", "fraud-eu", "target fraud-eu (from labels.ripcord_target) is not configured"},
		"what was empty is listed":   {Alert{Labels: map[string]string{"service": "x"}}, "", "x", "target x (from labels.service) is not configured; before it, labels.ripcord_target is empty"},
		"a text that is no name":     {Alert{Labels: map[string]string{"service": "a/../b"}}, "", "", `"a/../b" (from labels.service) can not be the name of a target; before it, labels.ripcord_target is empty`},
		"nothing anywhere is listed": {Alert{}, "", "", "no target is named: labels.ripcord_target, labels.service, annotations.t are empty"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := places.Resolve(c.alert.At, known)
			if got != c.want {
				t.Errorf("target %q, want %q", got, c.want)
			}
			var u *Unresolved
			if errors.As(err, &u) != (c.reason != "") || u != nil && (u.Reason != c.reason || u.Named != c.named) {
				t.Errorf("got %+v, want %q named %q", u, c.reason, c.named)
			}
		})
	}
}

func TestSubjectsAndNames(t *testing.T) {
	for subject, want := range map[string]string{
		"ripcord.events.payment.fraud-scorer": "payment fraud-scorer", "ripcord.events.tick._all": "tick _all",
		"ripcord.events.payment": "", "ripcord.events.payment.a.b": "", "ripcord.events..a": "", "ripcord.event.a.b": "", "ripcord.events.a.*": "",
	} {
		typ, target, ok := SplitSubject(subject)
		if got := strings.TrimSpace(typ + " " + target); got != want || ok != (want != "") {
			t.Errorf("SplitSubject(%q) = %q %v", subject, got, ok)
		}
		if ok && Subject(typ, target) != subject {
			t.Errorf("Subject(%q, %q) = %q", typ, target, Subject(typ, target))
		}
	}
	for name, want := range map[string]bool{"a": true, "A-b_9": true, strings.Repeat("x", 63): true, strings.Repeat("x", 64): false, "": false, "_a": false, "a.b": false, "a b": false, "ä": false, "a\n": false, "a@": false, "a`": false} {
		if ValidName(name) != want {
			t.Errorf("ValidName(%q) = %v", name, !want)
		}
	}
	for n, want := range map[int]string{1: "score", 2: "fraud", 3: "eu", 4: ""} {
		if got := SubjectToken("score.fraud.eu", n); got != want {
			t.Errorf("token %d is %q, want %q", n, got, want)
		}
	}
}
