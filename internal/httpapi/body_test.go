package httpapi

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

// What is taken means one thing to every reader: the members are those that are
// known, as they are written.
func FuzzReadBody(f *testing.F) {
	for _, seed := range []string{`{}`, ``, `{"digest":"a","revision":1,"comment":"x"}`, `{"digest":"a","digest":"b"}`, `{"Digest":"a"}`, `{"a":{"b":1}}`, `[1]`, `null`, `{"digeſt":"a"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		var got client.Answer
		if err := readBody(httptest.NewRecorder(), r, &got); err != nil || body == "" {
			return
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(body), &members); err != nil {
			t.Fatalf("%q was taken and is no object: %v", body, err)
		}
		for name := range members {
			if !slices.Contains([]string{"digest", "revision", "comment"}, name) {
				t.Errorf("%q was taken with the member %q", body, name)
			}
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("limit=3&cursor=" + cursor("0001 a"))
	f.Add("cursor=%00&limit=-1")
	f.Add("target=a;b")
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = raw
		q, err := listQuery(r, "target")
		if err != nil {
			return
		}
		p := page([]keyed[int]{{"a", 1}, {"b", 2}, {"c", 3}}, q, true)
		if q.limit < 1 || len(p.Items) > q.limit || (p.Next != "" && len(p.Items) == 0) {
			t.Errorf("%q: %+v", raw, p)
		}
	})
}
