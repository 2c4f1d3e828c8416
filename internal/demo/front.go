package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Publish stores one message in the events stream; nil means it can not be lost.
type Publish func(ctx context.Context, subject string, body []byte) error

// Front is the payment front: it makes payments, asks the scoring service over
// HTTP whether to let each through, and publishes what happened: the prediction,
// the payment's outcome, and a while later the label.
type Front struct {
	ScorerURL string
	Target    string
	PerSecond int
	Publish   Publish

	mu     sync.Mutex
	tally  Tally
	recent []int // 1 for a blocked one; the last second's legitimate payments
}

// Tally is what the front has seen so far.
type Tally struct {
	Payments int
	// Legit and Blocked count the legitimate payments, and those of them that
	// were blocked, by the version that answered.
	Legit, Blocked map[string]int
	// First is when a version first answered.
	First map[string]time.Time
	// Healthy is when the live place first answered with the old version again: a
	// payment that is not held back, after v42 had served.
	Healthy time.Time
	// Recent is the share of the last second's legitimate payments that were
	// blocked.
	Recent float64
}

// batchEvery is how often the events so far are published: a message costs a
// disk write, events in it cost next to nothing.
const batchEvery = 100 * time.Millisecond

// labelAfter is how long the truth about a payment takes to arrive.
const labelAfter = 2 * time.Second

// outcome is one answered payment.
type outcome struct {
	payment Payment
	answer  Answer
	at      time.Time
	took    time.Duration
}

// Run makes payments until ctx ends.
func (f *Front) Run(ctx context.Context) error {
	client := &http.Client{Timeout: 2 * time.Second}
	source := newCustomers(7)
	pay := time.NewTicker(time.Second / time.Duration(f.PerSecond))
	defer pay.Stop()
	send := time.NewTicker(batchEvery)
	defer send.Stop()
	var fresh, unlabelled []outcome
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pay.C:
			o, err := f.ask(ctx, client, source.next())
			if err != nil {
				return ignoreEnd(ctx, err)
			}
			fresh = append(fresh, o)
			f.count(o)
		case now := <-send.C:
			unlabelled = append(unlabelled, fresh...)
			due := dueLabels(unlabelled, now)
			if err := f.send(ctx, fresh, unlabelled[:due]); err != nil {
				return ignoreEnd(ctx, err)
			}
			fresh, unlabelled = nil, unlabelled[due:]
		}
	}
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func dueLabels(outcomes []outcome, now time.Time) int {
	for i, o := range outcomes {
		if now.Sub(o.at) < labelAfter {
			return i
		}
	}
	return len(outcomes)
}

// ask has one payment scored.
func (f *Front) ask(ctx context.Context, client *http.Client, p Payment) (outcome, error) {
	o := outcome{payment: p, at: time.Now()}
	body, err := json.Marshal(p)
	if err != nil {
		return o, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.ScorerURL+"/score", bytes.NewReader(body))
	if err != nil {
		return o, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return o, fmt.Errorf("ask the scorer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return o, fmt.Errorf("ask the scorer: %s", resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(&o.answer); err != nil {
		return o, fmt.Errorf("ask the scorer: %w", err)
	}
	o.took = time.Since(o.at)
	return o, nil
}

// send publishes a batch of each type that has something to say.
func (f *Front) send(ctx context.Context, fresh, labelled []outcome) error {
	batches := map[string]*bytes.Buffer{"prediction": {}, "payment": {}, "label": {}}
	for _, o := range fresh {
		line(batches["prediction"], o, o.payment.ID, map[string]any{
			"decision": o.answer.Decision, "score": o.answer.Score, "prediction_id": o.payment.ID,
			"latency_ms": float64(o.took.Microseconds()) / 1000, "age_band": o.payment.AgeBand,
		})
		result := "approved"
		if o.answer.Decision == "block" {
			result = "declined"
		}
		line(batches["payment"], o, "pay-"+o.payment.ID, map[string]any{"outcome": result, "amount": o.payment.Amount})
	}
	for _, o := range labelled {
		truth := "legit"
		if o.payment.Fraud {
			truth = "fraud"
		}
		line(batches["label"], o, "label-"+o.payment.ID, map[string]any{
			"truth": truth, "decision": o.answer.Decision, "prediction_id": o.payment.ID,
		})
	}
	for _, typ := range []string{"prediction", "payment", "label"} {
		if batches[typ].Len() == 0 {
			continue
		}
		if err := f.Publish(ctx, "ripcord.events."+typ+"."+f.Target, batches[typ].Bytes()); err != nil {
			return fmt.Errorf("publish %ss: %w", typ, err)
		}
	}
	return nil
}

// line writes one event as a line of plain JSON.
func line(b *bytes.Buffer, o outcome, id string, data map[string]any) {
	data["id"], data["version"], data["source"] = id, o.answer.Version, "payment-front"
	data["time"] = o.at.UTC().Format(time.RFC3339Nano)
	raw, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("encode event: %v", err)) // numbers and strings only
	}
	b.Write(raw)
	b.WriteByte('\n')
}

func (f *Front) count(o outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := &f.tally
	if t.Legit == nil {
		*t = Tally{Legit: map[string]int{}, Blocked: map[string]int{}, First: map[string]time.Time{}}
	}
	v := o.answer.Version
	t.Payments++
	if t.First[v].IsZero() {
		t.First[v] = o.at
	}
	bad := !t.First[modelV42.Version].IsZero()
	if bad && v == modelV41.Version && t.Healthy.IsZero() && !heldBack(o.payment.ID) {
		t.Healthy = o.at
	}
	if o.payment.Fraud {
		return
	}
	blocked := 0
	if o.answer.Decision == "block" {
		blocked = 1
	}
	t.Legit[v]++
	t.Blocked[v] += blocked
	f.recent = append(f.recent, blocked)
	if len(f.recent) > f.PerSecond {
		f.recent = f.recent[1:]
	}
}

// Tally is a copy of what was seen so far.
func (f *Front) Tally() Tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tally
	t.Legit, t.Blocked = maps.Clone(t.Legit), maps.Clone(t.Blocked)
	t.First = maps.Clone(t.First)
	for _, blocked := range f.recent {
		t.Recent += float64(blocked) / float64(len(f.recent))
	}
	return t
}
