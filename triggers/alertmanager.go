package triggers

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The bounds of a notification.
const (
	MaxAlerts = 1_000 // alerts of a notification
	MaxLabels = 64    // labels, annotations or values of an alert
)

// ErrTooManyAlerts refuses a notification that holds more than MaxAlerts.
var ErrTooManyAlerts = errors.New("too many alerts")

// Notification is what an Alertmanager webhook (version "4") or a Grafana contact
// point (version "1") sends: all alerts of a group, also the unchanged ones, every
// time.
type Notification struct {
	Version, Status, Receiver, GroupKey, Reason, ExternalURL string
	// Truncated counts the alerts that the sender left out (max_alerts).
	Truncated int
	Alerts    []Alert
	// Rejects are the alerts that can not be read. Index counts over all alerts
	// of the notification, as does Alert.Index.
	Rejects []Reject
}

// DecodeAlertmanager reads the body of a webhook. Fields that it does not know are
// left alone; version and alerts are needed, keys match in their exact case, and a
// key that comes twice, at any level, refuses the body. One alert that can not be
// read does not lose the others.
func DecodeAlertmanager(body []byte) (Notification, error) {
	var n Notification
	var version, alerts, truncated []byte
	err := members(body, true, func(key, raw []byte) error {
		switch string(key) {
		case "version":
			version = raw
		case "alerts":
			alerts = raw
		case "truncatedAlerts":
			truncated = raw
		default:
			return n.describe(string(key), raw)
		}
		return nil
	})
	if err != nil {
		return Notification{}, fmt.Errorf("the body is no notification: %w", err)
	}
	var t texts
	if n.Version = t.read("version", version); t.err != nil {
		return Notification{}, t.err
	}
	if err := n.checkVersion(); err != nil {
		return Notification{}, err
	}
	n.Truncated, _ = strconv.Atoi(string(truncated)) // absent, or something that is no count
	return n, n.readAlerts(alerts)
}

func (n *Notification) describe(key string, raw []byte) error {
	var t texts
	switch key {
	case "status":
		n.Status = t.read(key, raw)
	case "receiver":
		n.Receiver = t.read(key, raw)
	case "groupKey":
		n.GroupKey = t.read(key, raw)
	case "notification_reason":
		n.Reason = t.read(key, raw)
	case "externalURL":
		n.ExternalURL = t.read(key, raw)
	}
	return t.err
}

func (n *Notification) checkVersion() error {
	switch n.Version {
	case "4", "1":
		return nil
	case "":
		return fmt.Errorf("the body has no version: send Alertmanager's own webhook body, not one made by payload templates")
	}
	return fmt.Errorf("version is %q: Alertmanager's webhook version \"4\" and Grafana's \"1\" are read", n.Version)
}

func (n *Notification) readAlerts(raw []byte) error {
	if len(raw) == 0 || raw[0] != '[' {
		return fmt.Errorf("the body has no list alerts: send Alertmanager's own webhook body, not one made by payload templates")
	}
	elements, rest, err := split(raw)
	if err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	if len(elements) > MaxAlerts || rest != nil {
		return fmt.Errorf("%w: at most %d are read, set max_alerts on the webhook", ErrTooManyAlerts, MaxAlerts)
	}
	for i, element := range elements {
		a, err := readAlert(element, n.Status)
		if err != nil {
			n.Rejects = append(n.Rejects, Reject{Index: i, Reason: fmt.Sprintf("alert %d: %v", i, err), Raw: element})
			continue
		}
		a.Index = i
		n.Alerts = append(n.Alerts, a)
	}
	return nil
}

func readAlert(object []byte, status string) (Alert, error) {
	a := Alert{Status: status}
	err := members(object, true, func(key, raw []byte) error {
		var t texts
		var err error
		switch string(key) {
		case "status":
			a.Status = t.read("status", raw)
		case "fingerprint":
			a.Fingerprint = t.read("fingerprint", raw)
		case "generatorURL":
			a.GeneratorURL = t.read("generatorURL", raw)
		case "startsAt":
			a.StartsAt, err = parseTime(raw)
		case "endsAt":
			a.EndsAt, err = parseTime(raw)
		case "labels":
			a.Labels, err = readStrings("labels", raw, 0)
		case "annotations":
			a.Annotations, err = readStrings("annotations", raw, MaxString)
		case "values":
			a.Values = readValues(raw)
		}
		return errors.Join(t.err, err)
	})
	if err != nil {
		return Alert{}, err
	}
	return a, a.complete()
}

// readStrings reads a flat object of strings. Texts longer than cut are cut
// there; with cut 0, one that is longer than MaxString is an error.
func readStrings(what string, object []byte, cut int) (map[string]string, error) {
	if string(object) == "null" {
		return nil, nil
	}
	out := make(map[string]string)
	err := members(object, true, func(key, raw []byte) error {
		if raw[0] != '"' {
			return fmt.Errorf("%s.%.80s is no string", what, key)
		}
		var t texts
		text := t.read(what, raw)
		if len(text) > MaxString && cut == 0 {
			return fmt.Errorf("%s.%.80s has %d bytes, at most %d are read", what, key, len(text), MaxString)
		}
		if cut > 0 && len(text) > cut {
			text = strings.ToValidUTF8(text[:cut], "")
		}
		if out[string(key)] = text; len(out) > MaxLabels {
			return fmt.Errorf("there are more than %d %s", MaxLabels, what)
		}
		return nil
	})
	return out, err
}

// readValues reads Grafana's values: numbers by the letter of their query. What
// is no number is left out.
func readValues(object []byte) map[string]float64 {
	object = bytes.TrimSpace(object)
	if len(object) == 0 || object[0] != '{' {
		return nil
	}
	out := make(map[string]float64)
	Fields{raw: object}.Each(func(key []byte, v Value) {
		if v.Kind == Number && len(out) < MaxLabels {
			out[string(key)] = v.Num
		}
	})
	return out
}
