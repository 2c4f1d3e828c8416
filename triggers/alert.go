package triggers

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// The states of an alert.
const (
	AlertFiring   = "firing"
	AlertResolved = "resolved"
)

// Alert is one alert of a notification.
type Alert struct {
	Index               int
	Status              string // firing or resolved
	Labels, Annotations map[string]string
	Values              map[string]float64 // Grafana only
	StartsAt, EndsAt    time.Time          // EndsAt is zero while firing
	GeneratorURL        string
	Fingerprint         string // the alert's identity: its episodes share it
}

func (a *Alert) complete() error {
	if a.Status != AlertFiring && a.Status != AlertResolved {
		return fmt.Errorf("status is %.40q: it should be firing or resolved", a.Status)
	}
	if len(a.Labels) == 0 {
		return fmt.Errorf("it has no labels")
	}
	if a.Fingerprint == "" {
		set := make(model.LabelSet, len(a.Labels))
		for name, value := range a.Labels {
			set[model.LabelName(name)] = model.LabelValue(value)
		}
		a.Fingerprint = set.Fingerprint().String()
	}
	if len(a.Fingerprint) > 128 || !printable(a.Fingerprint) {
		return fmt.Errorf("the fingerprint is no identity: %.40q", a.Fingerprint)
	}
	if len(a.GeneratorURL) > MaxString {
		a.GeneratorURL = ""
	}
	return nil
}

// ID is fingerprint|status|startsAt: a repeated notification carries the same
// event.
func (a *Alert) ID() string {
	starts := ""
	if !a.StartsAt.IsZero() {
		starts = a.StartsAt.UTC().Format(time.RFC3339Nano)
	}
	return alertID(a.Fingerprint, a.Status, starts)
}

func alertID(fingerprint, status, startsAt string) string {
	if fingerprint == "" {
		return ""
	}
	return fingerprint + "|" + status + "|" + startsAt
}

// The ages beyond which an alert's time is doubted.
const (
	maxAlertAge   = 24 * time.Hour
	maxAlertAhead = 2 * time.Minute
)

// Doubt says in one sentence what is wrong with the alert's time; empty: nothing.
// An old start is no error, because an alert that keeps firing is repeated, but a
// replayed body shows itself by it.
func (a *Alert) Doubt(now time.Time) string {
	at := a.at()
	switch age := now.Sub(at); {
	case at.IsZero():
		return ""
	case age > maxAlertAge:
		return fmt.Sprintf("the alert is %s since %s, %s ago: an old one that is repeated, or a replayed body", a.Status, at.UTC().Format(time.RFC3339), age.Round(time.Minute))
	case age < -maxAlertAhead:
		return fmt.Sprintf("the alert is %s since %s, %s from now: the sender's clock is ahead", a.Status, at.UTC().Format(time.RFC3339), (-age).Round(time.Second))
	}
	return ""
}

// at is when the alert took its state.
func (a *Alert) at() time.Time {
	if a.Status == AlertResolved && !a.EndsAt.IsZero() {
		return a.EndsAt
	}
	return a.StartsAt
}

// At finds what stands at a place of the alert; empty when nothing does.
func (a *Alert) At(p Place) string {
	switch p.Kind {
	case PlaceLabel:
		return a.Labels[p.Name]
	case PlaceAnnotation:
		return a.Annotations[p.Name]
	case PlaceData, PlaceSubject:
	}
	return ""
}

// Event is the alert as an event of type alert. Its fields are
//
//   - the labels, by their names (alertname, severity, …);
//   - status, fingerprint, startsAt, endsAt (only when resolved), generatorURL;
//   - summary and description, and every annotation as annotations.<name>;
//   - Grafana's values as values.<name>, numbers.
//
// A label whose name is one of these, or begins like one (annotations., values.,
// labels.), is called labels.<name>: what Ripcord says of an alert can not be
// overwritten by a label. The version is the label version, else model_version.
// The time is when the alert took its state.
func (a *Alert) Event(source, target string) Event {
	m := map[string]any{"status": a.Status, "fingerprint": a.Fingerprint}
	for name, value := range a.Labels {
		m[labelField(name)] = value
	}
	for name, value := range a.Annotations {
		m["annotations."+name] = value
	}
	for name, value := range a.Values {
		m["values."+name] = value
	}
	for name, value := range map[string]string{
		"generatorURL": a.GeneratorURL, "summary": a.Annotations["summary"], "description": a.Annotations["description"],
		"startsAt": stamp(a.StartsAt), "endsAt": stamp(a.EndsAt),
	} {
		if value != "" {
			m[name] = value
		}
	}
	return Event{
		ID: a.ID(), Source: source, Type: TypeAlert, Target: target, Version: a.version(),
		Time: a.at(), Fields: MakeFields(m),
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func labelField(name string) string {
	switch name {
	case "status", "fingerprint", "startsAt", "endsAt", "generatorURL", "summary", "description":
		return "labels." + name
	}
	for _, prefix := range []string{"annotations.", "values.", "labels."} {
		if strings.HasPrefix(name, prefix) {
			return "labels." + name
		}
	}
	return name
}

func (a *Alert) version() string {
	for _, name := range []string{"version", "model_version"} {
		if v := a.Labels[name]; v != "" && len(v) <= maxVersion && printable(v) {
			return v
		}
	}
	return ""
}
