package triggers

import (
	"testing"
	"time"
)

func TestForeignMessagesBecomeEvents(t *testing.T) {
	known := func(name string) bool { return name == "fraud" }
	stored := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	bySubject := Foreign{Name: "scorer", Type: "prediction", Target: Places{{Kind: PlaceSubject, Token: 2}}, Version: "model_version", Time: "ts"}
	for _, tt := range []struct {
		name    string
		f       Foreign
		subject string
		body    string
		want    []string // version@time of each event
		rejects int
	}{
		{"the target is a token of the subject", bySubject, "score.fraud", `{"model_version":"v42","ts":1700000000,"x":1}`, []string{"v42@2023-11-14T22:13:20Z"}, 0},
		{"lines are events of their own", bySubject, "score.fraud", "{\"model_version\":\"v1\"}\n{\"model_version\":\"v2\"}", []string{"v1@2026-11-24T10:00:00Z", "v2@2026-11-24T10:00:00Z"}, 0},
		{"a target that is not configured is a reject", bySubject, "score.other", `{"model_version":"v42"}`, nil, 1},
		{"a subject with too few tokens is a reject", bySubject, "score", `{"model_version":"v42"}`, nil, 1},
		{"a time that can not be read is a reject", bySubject, "score.fraud", `{"ts":"noon"}`, nil, 1},
		{"one bad element does not lose the others", bySubject, "score.fraud", `[{"model_version":"v1"},{"a":[1]},{"model_version":"v3"}]`, []string{"v1@2026-11-24T10:00:00Z", "v3@2026-11-24T10:00:00Z"}, 1},
		{"the target is a field", Foreign{Name: "s", Type: "t", Target: Places{{Kind: PlaceData, Name: "service"}}}, "x", `{"service":"fraud"}`, []string{"@2026-11-24T10:00:00Z"}, 0},
		{"no JSON at all is a reject", bySubject, "score.fraud", `hello`, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			events, rejects := tt.f.Decode(tt.subject, 7, stored, []byte(tt.body), known)
			if len(rejects) != tt.rejects {
				t.Errorf("rejects %v, want %d", rejects, tt.rejects)
			}
			if len(events) != len(tt.want) {
				t.Fatalf("%d events, want %d", len(events), len(tt.want))
			}
			for i, ev := range events {
				if got := ev.Version + "@" + ev.Time.Format(time.RFC3339); got != tt.want[i] || ev.Target != "fraud" || ev.Type != tt.f.Type {
					t.Errorf("event %d is %s of %s, want %s", i, got, ev.Target, tt.want[i])
				}
			}
		})
	}
}
