package slack

import (
	"bytes"
	"html"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte(`payload=%7B%22type%22%3A%22block_actions%22%2C%22actions%22%3A%5B%7B%22block_id%22%3A%22ripcord_ask%22%2C%22action_id%22%3A%22ripcord_deny%22%7D%5D%7D`))
	f.Add([]byte(`payload=%7B%7D&payload=%7B%7D`))
	f.Add([]byte(`payload=null;a=%`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := parse(body)
		if a, ok := in.action(); ok && (err != nil || a.BlockID != askBlock) {
			t.Errorf("an action %v of a payload with error %v", a, err)
		}
	})
}

func FuzzUnseal(f *testing.F) {
	key := bytes.Repeat([]byte("k"), 32)
	good := seal(key, question{Incident: "fraud-scorer-3", Revision: 3, Digest: "sha256:00"})
	f.Add(good)
	f.Add(good + "=")
	f.Add("e30." + good)
	f.Fuzz(func(t *testing.T, value string) {
		q, err := unseal(key, value)
		if err == nil && seal(key, q) != value {
			t.Errorf("%q was taken, and nobody wrote it", value)
		}
	})
}

func FuzzFit(f *testing.F) {
	f.Add("<!channel> & `x`\u202e", 10)
	f.Add(strings.Repeat("😀&", 50), 33)
	f.Add("\xff\n\t ", 1)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 1 + abs(limit)%3000
		got := fit(s, limit)
		if got == "" || units(got) > limit {
			t.Errorf("%q has %d characters, want 1 to %d", got, units(got), limit)
		}
		if strings.ContainsAny(got, "<>") || clean(got) != got {
			t.Errorf("%q went through raw", got)
		}
		for _, part := range strings.Split(got, "&")[1:] {
			if !strings.HasPrefix(part, "amp;") && !strings.HasPrefix(part, "lt;") && !strings.HasPrefix(part, "gt;") {
				t.Errorf("an entity was cut: %q", got)
			}
		}
		if whole := strings.TrimSpace(clean(s)); units(got) < limit-6 && whole != "" && html.UnescapeString(got) != whole && !strings.Contains(whole, "&") {
			t.Errorf("%q lost something of %q", got, whole)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
