package triggers

import "strings"

// SubjectPrefix begins the subject of every event: ripcord.events.<type>.<target>.
const SubjectPrefix = "ripcord.events."

// maxName is how long the name of a type or a target may be.
const maxName = 63

// ValidName reports whether s can name an event type or a target:
// [A-Za-z0-9_-]{1,63}, which is one NATS token, without a leading underscore.
func ValidName(s string) bool {
	if s == "" || len(s) > maxName || s[0] == '_' {
		return false
	}
	for _, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Subject is where events of that type about that target are published.
func Subject(typ, target string) string { return SubjectPrefix + typ + "." + target }

// SplitSubject reads type and target back; ok is false for any other subject.
func SplitSubject(subject string) (typ, target string, ok bool) {
	rest, ok := strings.CutPrefix(subject, SubjectPrefix)
	if !ok {
		return "", "", false
	}
	typ, target, ok = strings.Cut(rest, ".")
	if !ok || !ValidName(typ) || !ValidName(target) && target != TargetAll {
		return "", "", false
	}
	return typ, target, true
}
