package triggers

import (
	"bytes"
	"encoding/json"
	"time"
)

// Encode writes the event as a structured CloudEvent on one line, without a line
// end: the form in which Ripcord stores what came in at its doors. Decode reads
// the same event back (a zero time comes back as the store time). Target and
// version are extension attributes unless the data already say the same.
func Encode(ev Event) []byte { return AppendEvent(nil, ev) }

// AppendEvent appends Encode(ev) to dst.
func AppendEvent(dst []byte, ev Event) []byte {
	dst = append(dst, `{"specversion":"1.0","id":`...)
	dst = appendString(dst, ev.ID)
	dst = append(dst, `,"source":`...)
	dst = appendString(dst, ev.Source)
	dst = append(dst, `,"type":`...)
	dst = appendString(dst, ev.Type)
	if !ev.Time.IsZero() {
		dst = append(dst, `,"time":"`...)
		dst = append(ev.Time.UTC().AppendFormat(dst, time.RFC3339Nano), '"')
	}
	for _, a := range []struct{ name, text string }{{"target", ev.Target}, {"version", ev.Version}} {
		// An alert's label target is not read as its target, so it does not say the same.
		said := ev.Fields.Lookup(a.name)
		if a.text == "" || said.Kind == String && said.Str == a.text && ev.Type != TypeAlert {
			continue
		}
		dst = append(dst, `,"`...)
		dst = append(dst, a.name...)
		dst = append(dst, `":`...)
		dst = appendString(dst, a.text)
	}
	dst = append(dst, `,"data":`...)
	return append(appendLine(dst, ev.Fields.Raw()), '}')
}

// appendLine appends JSON without the line ends that may stand between its
// tokens.
func appendLine(dst, object []byte) []byte {
	if bytes.IndexByte(object, '\n') < 0 && bytes.IndexByte(object, '\r') < 0 {
		return append(dst, object...)
	}
	buf := bytes.NewBuffer(dst)
	if json.Compact(buf, object) != nil {
		return append(dst, "{}"...) // Fields hold valid JSON
	}
	return buf.Bytes()
}

func appendString(dst []byte, s string) []byte {
	for _, c := range []byte(s) {
		if c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			quoted, _ := json.Marshal(s) // a string always encodes
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
