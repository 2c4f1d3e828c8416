package triggers

import (
	"strings"
	"unicode/utf8"
)

// The content types that Ripcord gives a meaning to; all are compared without
// regard to case and parameters.
const (
	ContentJSON       = "application/json"
	ContentNDJSON     = "application/x-ndjson"
	ContentEvent      = "application/cloudevents+json"
	ContentEventBatch = "application/cloudevents-batch+json"
)

// Readable reports whether bodies of that content type can be events; an empty
// one means JSON.
func Readable(contentType string) bool {
	switch mediaType(contentType) {
	case "", ContentJSON, ContentNDJSON, ContentEvent, ContentEventBatch, "application/ndjson", "application/jsonl", "text/json":
		return true
	}
	return false
}

func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// header finds a header by name without regard to case: NATS keeps the case of
// the sender, HTTP makes its own.
func header(h map[string][]string, name string) string {
	if values, ok := h[name]; ok && len(values) > 0 {
		return values[0]
	}
	for key, values := range h {
		if len(values) > 0 && strings.EqualFold(key, name) {
			return values[0]
		}
	}
	return ""
}

// attribute is a CloudEvents attribute of the binary mode.
func attribute(h map[string][]string, name string) string {
	return percentDecode(header(h, "ce-"+name))
}

// percentDecode decodes one round of %XX, as the CloudEvents bindings want it. A
// percent sign that begins no such escape stands for itself.
func percentDecode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && hex4([]byte(s[i+1:i+3])) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// printable reports whether s is valid UTF-8 without control characters.
func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return false
		}
	}
	return true
}
