package rules

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ripcord-dev/ripcord/triggers"
)

func TestHealthyArmsNeverFire(t *testing.T) {
	const rules = `
  - rule: bake
    trigger: error_rate
    if: 'seq_share(predictions, decision == "block", {margin: 1.25})'
  - rule: watch
    trigger: error_rate
    if: 'seq_share(predictions, decision == "block", {margin: 1.25, mode: "watch"})'
`
	for seed := range uint64(12) {
		s, random := newScene(t, rules), rand.New(rand.NewPCG(seed, 1))
		s.feed(0, releaseOf("v41", ""))
		s.traffic(random, time.Millisecond, time.Minute, "v41", 1, .05, "", 0)
		s.feed(time.Minute, releaseOf("v42", "v41"))
		s.traffic(random, time.Minute+time.Millisecond, 8*time.Minute, "v42", .5, .05, "v41", .05)
		if len(s.out.Decisions) > 0 {
			t.Errorf("seed %d: %s", seed, s.out.Decisions[0].Evidence.Reason)
		}
	}
}

func TestAWatchSeesWhatBreaksLateAndRecovers(t *testing.T) {
	s, random := newScene(t, `
  - rule: watch
    trigger: error_rate
    if: 'seq_share(predictions, decision == "block", {margin: 1.25, mode: "watch"})'
    keep_firing_for: 5s
`), rand.New(rand.NewPCG(3, 1))
	s.feed(0, releaseOf("v41", ""))
	s.traffic(random, time.Millisecond, time.Minute, "v41", 1, .01, "", 0)
	s.feed(time.Minute, releaseOf("v42", "v41"))
	s.traffic(random, time.Minute+time.Millisecond, 10*time.Minute, "v42", .5, .01, "v41", .01)
	s.traffic(random, 10*time.Minute, 11*time.Minute, "v42", .5, .4, "v41", .01)
	s.traffic(random, 11*time.Minute, 15*time.Minute, "v42", .5, .01, "v41", .01)
	if len(s.out.Decisions) == 0 {
		t.Fatal("a break after nine healthy minutes was not seen")
	}
	if after := s.out.Decisions[0].At.Sub(noon) - 10*time.Minute; after < 0 || after > 10*time.Second {
		t.Errorf("seen after %v", after)
	}
	last := s.out.Verdicts[len(s.out.Verdicts)-1]
	if at := last.At.Sub(noon); last.State != Resolved || at < 11*time.Minute || at > 14*time.Minute {
		t.Errorf("the last verdict is %s at %v", last.State, at)
	}
}

func TestWithoutAHoldbackItOnlyAsks(t *testing.T) {
	s, random := newScene(t, fraudRule), rand.New(rand.NewPCG(5, 1))
	s.traffic(random, 0, time.Minute, "v41", 1, .005, "", 0)
	s.traffic(random, time.Minute, 2*time.Minute, "v42", 1, .4, "", 0) // an assumed release
	if len(s.out.Decisions) != 1 || s.out.Decisions[0].Confirmed || s.out.Decisions[0].Previous != "v41" {
		t.Fatalf("decisions %+v", s.out.Decisions)
	}
	if text := s.out.Decisions[0].Confirmation; !strings.Contains(text, "v41 gets no traffic") {
		t.Errorf("confirmation: %s", text)
	}
}

func alertEvent(fingerprint, status string, starts time.Duration) triggers.Event {
	return triggers.Event{
		Type: triggers.TypeAlert, ID: fmt.Sprint(fingerprint, status, starts), Time: noon.Add(starts),
		Fields: triggers.MakeFields(map[string]any{
			"alertname": "HighErrorRate", "fingerprint": fingerprint, "status": status,
			"startsAt": noon.Add(starts).Format(time.RFC3339Nano), "summary": "too many 500s",
		}),
	}
}

const alertRule = `
  - rule: errors
    trigger: error_rate
    if: 'firing(alerts, alertname == "HighErrorRate")'
`

func TestAnAlertFiresAtOnceAndResolves(t *testing.T) {
	s := newScene(t, alertRule)
	s.feed(0, prediction("v42", "approve"))
	s.feed(90100*time.Millisecond, alertEvent("f1", "firing", 80*time.Second))
	s.want("1m30.1s errors v42 firing")
	d := s.out.Decisions[0]
	if !d.Confirmed || d.Version != "v42" || len(d.Evidence.Events) != 1 || !strings.Contains(d.Evidence.Reason, "alert HighErrorRate fires since 2026-11-24T12:01:20Z: too many 500s") {
		t.Errorf("decision %+v", d)
	}
	s.feed(3*time.Hour, alertEvent("f1", "firing", 80*time.Second)) // repeated
	s.feed(4*time.Hour, alertEvent("f1", "resolved", 80*time.Second))
	s.advance(5 * time.Hour)
	s.want("1m30.1s errors v42 firing", "4h1m0s errors v42 resolved")
	if !s.Next().IsZero() {
		t.Errorf("something is due at %v", s.Next())
	}
}

func TestAnAlertWithoutNewsTurnsStale(t *testing.T) {
	s := newScene(t, alertRule)
	s.feed(0, alertEvent("f1", "firing", 0))
	s.advance(10 * time.Hour)
	s.want("0s errors  firing", "8h30m0s errors  stale")
}

func TestAnAlertFromBeforeIsNotTheNewReleasesDoing(t *testing.T) {
	s := newScene(t, alertRule)
	s.feed(0, releaseOf("v41", ""))
	s.feed(time.Minute, alertEvent("f1", "firing", 30*time.Second))
	s.feed(2*time.Minute, releaseOf("v42", "v41"))
	s.advance(3 * time.Minute)
	s.want("1m0s errors v41 firing", "2m0s errors v41 resolved")
	if r := s.out.Recoveries; len(r) != 60 || r[0].Still != True || r[0].Bad != "v41" || r[0].Version != "v42" {
		t.Errorf("%d recoveries, the first is %+v", len(r), r[:min(1, len(r))])
	}
	s.feed(4*time.Minute, alertEvent("f2", "firing", 4*time.Minute))
	s.want("1m0s errors v41 firing", "2m0s errors v41 resolved", "4m0s errors v42 firing")
}

func TestASilentSourceIsStaleAndResolvesNothing(t *testing.T) {
	s := newScene(t, `
  - rule: amounts
    trigger: business_metric_drop
    if: 'avg(payments, amount, "10m") < 10'
`)
	for i := range 60 {
		s.feed(time.Duration(i)*time.Second, payment("v1", 5))
	}
	s.advance(24 * time.Hour)
	s.want("1s amounts v1 insufficient", "30s amounts v1 firing", "1m30s amounts v1 stale")
}

func TestNoDataNeverFires(t *testing.T) {
	s := newScene(t, `
  - rule: few
    trigger: business_metric_drop
    if: 'count(payments, "5m") < 10'
  - rule: little
    trigger: business_metric_drop
    if: 'sum(payments, amount, "5m") < 100 or rate(predictions, "1m") < 1 or not (share(predictions, decision == "block", "1m") < 0.5)'
`)
	s.feed(0, triggers.Event{Type: "unknown"})
	s.advance(time.Hour)
	for _, v := range s.out.Verdicts {
		if v.State == Firing {
			t.Errorf("%s fired on no data: %s", v.Rule, v.Reason)
		}
	}
	// A stream that has just begun: few have come, because few could.
	for i := range 40 {
		s.feed(time.Hour+time.Duration(i)*time.Second, payment("v1", 50))
	}
	if len(s.out.Decisions) > 0 {
		t.Errorf("fired on a window that had not been heard out: %s", s.out.Decisions[0].Evidence.Reason)
	}
}

func TestACountThatFallsIsSeenOnceTheWindowIsHeard(t *testing.T) {
	s := newScene(t, `
  - rule: few
    trigger: business_metric_drop
    if: 'count(payments, "1m") < 10'
`)
	for i := range 300 {
		if i < 120 || i%10 == 0 {
			s.feed(time.Duration(i)*time.Second, payment("v1", 50))
		}
	}
	if len(s.out.Decisions) != 1 {
		t.Fatalf("verdicts %v", s.said())
	}
	if at := s.out.Decisions[0].At.Sub(noon); at < 150*time.Second || at > 190*time.Second {
		t.Errorf("seen at %v", at)
	}
}

func latency(version string, ms float64) triggers.Event {
	return triggers.Event{Type: "prediction", Version: version, Fields: triggers.MakeFields(map[string]any{"latency_ms": ms})}
}

func TestPreviousIsTheLastFullWindowBeforeTheCutOver(t *testing.T) {
	s := newScene(t, `
  - rule: slow
    trigger: latency_spike
    if: 'avg(predictions, latency_ms, "1m") > 1.5 * previous(avg(predictions, latency_ms, "1m"))'
`)
	s.feed(0, releaseOf("v1", ""))
	for i := 1; i <= 120; i++ {
		s.feed(time.Duration(i)*time.Second, latency("v1", 100))
	}
	s.feed(120*time.Second, releaseOf("v2", "v1"))
	for i := 121; i < 400; i++ {
		s.feed(time.Duration(i)*time.Second, latency("v2", 100+float64(i)))
	}
	d := s.out.Decisions
	if len(d) != 1 || !strings.Contains(d[0].Evidence.Reason, "100 over 1m (n 60)") {
		t.Fatalf("decisions %+v", d)
	}
	if !d[0].Confirmed {
		t.Error("a condition without comparisons is not confirmed")
	}
	for i := 400; i < 25*3600; i++ {
		s.feed(time.Duration(i)*time.Second, latency("v2", 1000))
	}
	last := s.out.Verdicts[len(s.out.Verdicts)-1]
	if at := last.At.Sub(noon); last.State != Insufficient || at != 24*time.Hour+2*time.Minute {
		t.Errorf("the last verdict is %s at %v: %s", last.State, at, last.Reason)
	}
}

func TestPreviousIsTheLiveHoldbackWhileThereIsOne(t *testing.T) {
	s := newScene(t, `
  - rule: slow
    trigger: latency_spike
    if: 'avg(predictions, latency_ms, "1m") > 1.5 * previous(avg(predictions, latency_ms, "1m"))'
`)
	s.feed(0, releaseOf("v1", ""))
	for i := 1; i < 600; i++ {
		ms := 100.
		if i == 120 {
			s.feed(120*time.Second, releaseOf("v2", "v1"))
		}
		if i >= 240 {
			ms = 300 // the world has become slow
		}
		s.feed(time.Duration(i)*time.Second, latency("v1", ms))
		if i > 120 {
			s.feed(time.Duration(i)*time.Second, latency("v2", ms))
		}
	}
	if len(s.out.Decisions) > 0 {
		t.Errorf("blamed v2 for the world: %s", s.out.Decisions[0].Evidence.Reason)
	}
}

func TestArmsAreLearnedFromReleases(t *testing.T) {
	s := newScene(t, fraudRule)
	arms := func(want string) {
		t.Helper()
		a := s.targets["scorer"].arms
		if got := fmt.Sprintf("%s/%s", a.current, a.previous); got != want {
			t.Errorf("arms %s, want %s", got, want)
		}
	}
	s.feed(1, prediction("", "approve"))
	arms("/")
	s.feed(2, releaseOf("v41", "v40"))
	arms("v41/v40")
	s.feed(3, prediction("v40", "approve"), prediction("v99", "approve"))
	if got := s.Counters().Unreleased; got != 1 {
		t.Errorf("%d unreleased", got)
	}
	s.feed(4, releaseOf("v42", ""))
	arms("v42/v41")
	s.feed(5, releaseOf("v42", "")) // said twice
	arms("v42/v41")
	s.feed(6, releaseOf("v43", "v41"))
	arms("v43/v41")
	s.feed(7, releaseOf("v41", "v43", "v43")) // back, and never compared with the bad one
	arms("v41/v40")
	s.feed(8, releaseOf("v44", ""))
	arms("v44/v41")
}

func TestArmsAreAssumedAsLongAsNobodyTells(t *testing.T) {
	s := newScene(t, fraudRule)
	s.feed(1, prediction("v1", "approve"))
	s.feed(2, prediction("v2", "approve"), prediction("v1", "approve"))
	a := s.targets["scorer"].arms
	if a.current != "v2" || a.previous != "v1" || s.Counters().Unreleased != 0 {
		t.Errorf("arms %+v", a)
	}
	s.feed(3, prediction("v3", "approve"), prediction("v1", "approve"))
	a = s.targets["scorer"].arms
	if a.current != "v3" || a.previous != "v2" || s.Counters().Unreleased != 1 {
		t.Errorf("arms %+v", a)
	}
}

func TestKnownCountsTheSkippedBoundariesToo(t *testing.T) {
	s := newScene(t, `
  - rule: amounts
    trigger: business_metric_drop
    if: 'avg(payments, amount, "10m") < 10'
`)
	if got := s.Known("scorer", "v1"); got != -1 {
		t.Errorf("known before anything: %v", got)
	}
	for i := range 100 {
		s.feed(time.Duration(i)*time.Second, payment("v1", 50))
	}
	s.advance(1000 * time.Second)
	// UNKNOWN until n is 30 (29 boundaries), then known until stale 30 s after the
	// last one, at 129 s: 100 of 1,000.
	if got := s.Known("scorer", "v1"); got < .098 || got > .102 {
		t.Errorf("known %v, want .1", got)
	}
}

func TestCountersTellWhatWasLeftOut(t *testing.T) {
	s := newScene(t, fraudRule)
	late := prediction("v1", "approve")
	late.Time = noon.Add(-10 * time.Second)
	old := prediction("v1", "approve")
	old.Time = noon.Add(-time.Hour)
	future := prediction("v1", "approve")
	future.Time = noon.Add(time.Hour)
	odd := triggers.Event{Type: "prediction", Fields: triggers.MakeFields(map[string]any{"decision": 1, "latency_ms": "x"})}
	same := prediction("v1", "approve")
	same.ID = "same"
	s.feed(time.Second, late, old, future, odd, same, same, triggers.Event{Type: "nobody"})
	s.Feed(noon.Add(time.Second), []triggers.Event{{Type: "prediction", Target: "stranger"}, {Type: triggers.TypeTick, Target: triggers.TargetAll}})
	want := Counters{Events: 8, Duplicates: 1, Unruled: 1, UnknownType: 1, Mismatched: 1, Late: 1, Dropped: 1, Future: 1}
	if got := s.Counters(); got != want {
		t.Errorf("counters\n got %+v\nwant %+v", got, want)
	}
}

func TestSwapKeepsWhatIsUnchanged(t *testing.T) {
	const second = `
  - rule: amounts
    trigger: business_metric_drop
    if: 'avg(payments, amount, "10m") < 10'
`
	s := newScene(t, second+fraudRule)
	for i := range 60 {
		s.feed(time.Duration(i)*time.Second, payment("v1", 5))
	}
	before := s.Firing("scorer")
	if len(before) != 1 {
		t.Fatalf("fires %v", before)
	}
	s.Swap(sceneSet(t, fraudRule+second))
	s.feed(60*time.Second, payment("v1", 5))
	s.advance(61 * time.Second)
	after := s.Firing("scorer")
	if len(after) != 1 || after[0].ID != before[0].ID || after[0].Evidence.Slots[0].N != 61 {
		t.Errorf("after an unchanged rule was moved: %+v", after)
	}
	s.Swap(sceneSet(t, fraudRule))
	s.advance(62 * time.Second)
	if last := s.out.Verdicts[len(s.out.Verdicts)-1]; last.State != Resolved || last.Rule != "amounts" {
		t.Errorf("the last verdict after the rule has gone: %+v", last)
	}
}

func TestSnapshotSaysWhyUnknown(t *testing.T) {
	s := newScene(t, fraudRule)
	if v := s.Snapshot("scorer"); len(v) != 1 || v[0].Value.State != Insufficient {
		t.Errorf("before anything: %+v", v)
	}
	s.feed(0, releaseOf("v2", "v1"), prediction("v2", "approve"))
	s.advance(time.Second)
	v := s.Snapshot("scorer")[0]
	if v.State != Insufficient || v.Truth != Unknown || !strings.Contains(v.Reason, "1 samples on v2 (needs 20)") || v.Values["blocked"].State != Insufficient {
		t.Errorf("view %+v", v)
	}
}

// TestAReplacementThatIsBadTooIsStill takes v42 back to a v41 that has broken as
// well, and then to one that is well.
func TestAReplacementThatIsBadTooIsStill(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  float64
		want Truth
	}{
		{"the old version is as bad", .4, True},
		{"the old version is well", .005, False},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, random := newScene(t, fraudRule), rand.New(rand.NewPCG(6, 1))
			s.feed(0, releaseOf("v41", "v40"))
			s.traffic(random, time.Millisecond, time.Minute, "v41", 1, .005, "", 0)
			s.feed(time.Minute, releaseOf("v42", "v41"))
			s.traffic(random, time.Minute+time.Millisecond, 2*time.Minute, "v42", .9, .4, "v41", .005)
			s.feed(2*time.Minute, releaseOf("v41", "v40", "v42"))
			s.traffic(random, 2*time.Minute+time.Millisecond, 3*time.Minute, "v41", 1, c.bad, "", 0)
			if len(s.out.Recoveries) == 0 {
				t.Fatal("nothing is said about recovery")
			}
			last := s.out.Recoveries[len(s.out.Recoveries)-1]
			if last.Still != c.want || last.Bad != "v42" || last.Version != "v41" {
				t.Errorf("still %s: %s", last.Still, last.Reason)
			}
		})
	}
}

// TestRecoveryOfValuesReadsOnlyWhatCameSince: the old version's windows begin anew
// at the cut-over, and previous() is what it was when the rule fired.
func TestRecoveryOfValuesReadsOnlyWhatCameSince(t *testing.T) {
	s := newScene(t, `
  - rule: slow
    trigger: latency_spike
    if: 'avg(predictions, latency_ms, "1m") > 1.5 * previous(avg(predictions, latency_ms, "1m"))'
    min_samples: 60
`)
	s.feed(0, releaseOf("v1", ""))
	send := func(from, to int, version string, ms float64) {
		for i := from; i < to; i++ {
			s.feed(time.Duration(i)*time.Second, latency(version, ms))
		}
	}
	send(1, 120, "v1", 100)
	s.feed(120*time.Second, releaseOf("v2", "v1"))
	send(121, 240, "v2", 400)
	s.feed(240*time.Second, releaseOf("v1", "v0", "v2"))
	send(241, 300, "v1", 100)
	var first time.Duration
	for _, r := range s.out.Recoveries {
		if r.Still == True {
			t.Errorf("still bad at %v: %s", r.At.Sub(noon), r.Reason)
		}
		if r.Still == False && first == 0 {
			first = r.At.Sub(noon) - 240*time.Second
		}
	}
	if first != 31*time.Second { // 30 samples, the slot's own minimum
		t.Errorf("recovered after %v", first)
	}
}
