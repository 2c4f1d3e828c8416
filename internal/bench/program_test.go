//go:build bench

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/internal/app"
	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/config"
)

var bg = context.Background()

// writeConfig lays out a daemon with targets t00 … whose action is at url. Each
// has the first so many of six rules; the first is about alerts.
func writeConfig(t testing.TB, dir, listen, url string, targets, perTarget int) string {
	t.Helper()
	var c, r strings.Builder
	fmt.Fprintf(&c, "data: {dir: ./data}\nweb: {listen: %s}\npeople:\n  ana: {slack: T0/U0, groups: [oncall]}\nrule_sources:\n- {path: \"*.rules.yml\", team: shop, max_mode: auto}\nsources:\n- {name: am, kind: alertmanager, target: [labels.service]}\nguards: {fleet: 1000/10m, known_good_after: 1s}\nlog: {level: error, format: json}\ntargets:\n", listen)
	r.WriteString("signals:\n  alerts: {type: alert, fields: {alertname: string, severity: string}}\n  predictions: {type: prediction, fields: {decision: string, latency_ms: number, score: number}}\ngroups:\n")
	for i := range targets {
		name := fmt.Sprintf("t%02d", i)
		fmt.Fprintf(&c, "  %s:\n    mode: approve\n    approve: {from: [group:oncall]}\n    stages:\n    - name: deploy\n      steps:\n      - {kind: webhook, url: %s/%s, class: B, allow_private: [127.0.0.0/8]}\n", name, url, name)
		fmt.Fprintf(&r, "- name: %s\n  target: %s\n  interval: 1s\n  rules:\n", name, name)
		conditions := []string{
			`firing(alerts, alertname == "HighErrorRate" and severity == "page")`,
			`share(predictions, decision == "block", "1m") > 0.5`, `share(predictions, decision == "review", "5m") > 0.5`,
			`p99(predictions, latency_ms, "2m") > 500`, `share(predictions, latency_ms > 200, "1m") > 0.5`, `count(predictions, "1m") > 1000000`,
		}
		for j, condition := range conditions[:perTarget] {
			fmt.Fprintf(&r, "  - rule: %s-r%d\n    trigger: error_rate\n    if: |\n      %s\n    keep_firing_for: 0s\n    mode: approve\n    annotations: {summary: \"{{ .Target }}\"}\n", name, j, condition)
		}
	}
	file := filepath.Join(dir, "ripcord.yml")
	check(t, os.WriteFile(file, []byte(c.String()), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "b.rules.yml"), []byte(r.String()), 0o600))
	return file
}

// start runs the whole program in this process and gives its address.
func start(t testing.TB, url string, targets, perTarget int) string {
	t.Helper()
	cfg, problems := config.LoadFile(writeConfig(t, t.TempDir(), "127.0.0.1:0", url, targets, perTarget))
	check(t, problems.Err())
	ctx, cancel := context.WithCancel(bg)
	listening, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- app.Run(ctx, app.Options{
			Config: cfg, Logger: zerolog.New(os.Stderr).Level(zerolog.ErrorLevel), Registry: prometheus.NewRegistry(),
			Listening: func(addr string) { listening <- addr },
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case addr := <-listening:
		return "http://" + addr
	case err := <-done:
		t.Fatal(err)
	}
	return ""
}

// door is the client of one daemon; it keeps its connections, as Alertmanager
// does.
var door = http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}}

func post(t testing.TB, url, kind string, body []byte) {
	resp, err := door.Post(url, kind, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		t.Errorf("%s: %s %s", url, resp.Status, answer)
	}
}

func alert(target, status string, n int, starts time.Time) []byte {
	ends := time.Time{}
	if status == "resolved" {
		ends = time.Now().UTC()
	}
	return fmt.Appendf(nil, `{"version":"4","groupKey":"g","status":"%[2]s","receiver":"ripcord","alerts":[{"status":"%[2]s","labels":{"alertname":"HighErrorRate","severity":"page","service":"%[1]s","n":"%[3]d"},"annotations":{"summary":"s"},"startsAt":"%[4]s","endsAt":"%[5]s","fingerprint":"f%[1]s%[3]d"}]}`,
		target, status, n, starts.Format(time.RFC3339Nano), ends.Format(time.RFC3339Nano))
}

// bare is the limit: a message of the alert's size through the same embedded
// server, published with fsync and taken by a consumer's callback.
type bare struct {
	js  jetstream.JetStream
	got chan time.Time
}

func newBare(t testing.TB) bare {
	t.Helper()
	c, err := cluster.Open(bg, cluster.Config{Dir: t.TempDir()})
	check(t, err)
	t.Cleanup(c.Close)
	b := bare{js: c.JetStream(), got: make(chan time.Time, 1024)}
	consumer, err := b.js.CreateConsumer(bg, cluster.EventsStream, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckAllPolicy, FilterSubject: "ripcord.events.alert.t00", MemoryStorage: true,
	})
	check(t, err)
	reading, err := consumer.Consume(func(m jetstream.Msg) {
		b.got <- time.Now()
		_ = m.Ack()
	})
	check(t, err)
	t.Cleanup(reading.Stop)
	return b
}

func (b bare) trip(t testing.TB, body []byte) time.Duration {
	began := time.Now()
	_, err := b.js.Publish(bg, "ripcord.events.alert.t00", body)
	check(t, err)
	return (<-b.got).Sub(began)
}

func TestAlertToPlan(t *testing.T) {
	const targets, alerts = 50, 1200
	arrived := make(chan time.Time, 16)
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/plan") {
			arrived <- time.Now()
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"code":"permanent","text":"measured only"}`)
	}))
	t.Cleanup(fake.Close)
	url := start(t, fake.URL, targets, 1) // a rule that hears nothing would speak against v1
	for _, version := range []string{"v1", "v2"} {
		for i := range targets {
			post(t, url+"/api/v1/events", "application/json", fmt.Appendf(nil,
				`{"specversion":"1.0","id":"r%s%d","source":"bench","type":"release","time":"%s","data":{"target":"t%02d","version":"%s"}}`,
				version, i, time.Now().UTC().Format(time.RFC3339Nano), i, version))
		}
		time.Sleep(2 * time.Second)
	}
	limit := newBare(t)
	var ours, theirs, stored []time.Duration
	for n := range alerts {
		target, starts := fmt.Sprintf("t%02d", n%targets), time.Now().UTC()
		body := alert(target, "firing", n, starts)
		theirs = append(theirs, limit.trip(t, body))
		time.Sleep(2 * time.Millisecond)
		began := time.Now()
		post(t, url+"/api/v1/alertmanager", "application/json", body)
		stored = append(stored, time.Since(began))
		select {
		case at := <-arrived:
			ours = append(ours, at.Sub(began))
		case <-time.After(5 * time.Second):
			t.Fatalf("no plan was asked for after alert %d", n)
		}
		time.Sleep(5 * time.Millisecond) // the incident's end is written
		post(t, url+"/api/v1/alertmanager", "application/json", alert(target, "resolved", n, starts))
		time.Sleep(3 * time.Millisecond)
	}
	t.Logf("alert stored and answered: p50 %s, p99 %s; n %d", ms(quantile(stored, .5)), ms(quantile(stored, .99)), len(ours))
	for _, q := range []float64{.5, .99} {
		mine, its := quantile(ours, q), quantile(theirs, q)
		ratio := float64(mine) / float64(its)
		r := row{
			what:  fmt.Sprintf("alert in over HTTP → first plan request, p%.0f, n = %d", q*100, alerts),
			limit: "publish → callback " + ms(its), ours: ms(mine), ratio: fmt.Sprintf("%.1f ×", ratio), goal: "—", met: true,
		}
		if q > .9 {
			r.goal, r.met = "≤ 5 × and ≤ 50 ms", ratio <= 5 && mine <= 50*time.Millisecond
		}
		add(r)
	}
}

// The throughput of the HTTP door, beside plain publishing with the same fsyncs.
func TestIntake(t *testing.T) {
	url := start(t, "http://127.0.0.1:9", 1, 6) + "/api/v1/events"
	limit := newBare(t)
	var id atomic.Int64
	batch := func() []byte {
		var b bytes.Buffer
		for range 100 {
			b.Write(event(id.Add(1)))
			b.WriteByte('\n')
		}
		return b.Bytes()
	}
	publish := func(body []byte) {
		_, err := limit.js.PublishMsg(bg, &nats.Msg{Subject: "ripcord.events.prediction.t00", Data: body})
		if err != nil {
			t.Error(err)
		}
	}
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(empty.Close)
	var batches, plainBatches, ones, plainOnes, bareOnes, r1, r2 []float64
	for range rounds {
		plainBatches = append(plainBatches, 100*each(800, 8, func() { publish(batch()) }))
		batches = append(batches, 100*each(800, 8, func() { post(t, url, "application/x-ndjson", batch()) }))
		plainOnes = append(plainOnes, each(4000, 64, func() { publish(event(id.Add(1))) }))
		ones = append(ones, each(8000, 64, func() { post(t, url, "application/cloudevents+json", event(id.Add(1))) }))
		bareOnes = append(bareOnes, each(8000, 64, func() { post(t, empty.URL, "application/cloudevents+json", event(id.Add(1))) }))
		last := len(batches) - 1
		r1, r2 = append(r1, batches[last]/plainBatches[last]), append(r2, ones[last]/plainOnes[last])
	}
	add(row{
		"intake over HTTP, batches of 100, 8 clients", "publish of the same " + thousands(median(plainBatches)) + "/s",
		thousands(median(batches)) + " events/s", spread("%.2f", r1), "≥ 0.8 ×", median(r1) >= .8,
	})
	add(row{
		"intake over HTTP, 1 event a request, 64 clients", "one by one " + thousands(median(plainOnes)) + "/s; a handler that does nothing " + thousands(median(bareOnes)) + "/s",
		thousands(median(ones)) + " events/s", spread("%.2f", r2), "≥ 5 ×", median(r2) >= 5,
	})
}
