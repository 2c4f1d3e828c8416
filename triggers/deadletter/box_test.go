package deadletter

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/ripcord-dev/ripcord/triggers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newBox(t *testing.T) *Box {
	t.Helper()
	srv, err := server.NewServer(&server.Options{JetStream: true, StoreDir: t.TempDir(), DontListen: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close(); srv.Shutdown(); srv.WaitForShutdown() })
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for name, subject := range map[string]string{"RIPCORD_EVENTS": "ripcord.events.>", "RIPCORD_DEADLETTER": "ripcord.deadletter.>"} {
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}, DenyDelete: true, DenyPurge: true, MaxMsgSize: 256 << 10})
		if err != nil {
			t.Fatal(err)
		}
	}
	return New(Config{JS: js, Stream: "RIPCORD_DEADLETTER", EventsStream: "RIPCORD_EVENTS", KnownTarget: func(name string) bool { return name == "fraud" }})
}

func (b *Box) mustPut(t *testing.T, letters ...triggers.DeadLetter) {
	t.Helper()
	for _, d := range letters {
		if err := b.Put(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 5, time.UTC)

func letter(body string) triggers.DeadLetter {
	return triggers.DeadLetter{
		At: noon, Code: triggers.DeadUnresolved, Reason: "target else is not configured", Subject: "ripcord.events.payment.fraud",
		Source: "nats", Origin: 17, Header: map[string][]string{"Content-Type": {triggers.ContentNDJSON}, "ce-id": {"a%20b"}, "Nats-Msg-Id": {"poison"}}, Body: []byte(body),
	}
}

func TestALetterIsKeptWholeAndOnce(t *testing.T) {
	b := newBox(t)
	d := letter(`{"a":1}`)
	d.Reason = "two\nlines and \xff"
	b.mustPut(t, d, d)
	got, err := b.Show(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := d
	want.Seq, want.Reason = 1, "two lines and \uFFFD"
	want.Header = map[string][]string{"Content-Type": {triggers.ContentNDJSON}, "ce-id": {"a%20b"}}
	if diff := cmp.Diff(Letter{DeadLetter: want}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := b.Show(t.Context(), 2); !errors.Is(err, ErrNotFound) {
		t.Errorf("the same letter is kept twice: %v", err)
	}
}

func TestAPageIsNewestFirst(t *testing.T) {
	b := newBox(t)
	var want []string
	for i := range 5 {
		b.mustPut(t, letter(fmt.Sprint(i)))
		want = append([]string{fmt.Sprint(i)}, want...)
	}
	if err := b.Requeue(t.Context(), 2, ""); err != nil { // its mark is no letter
		t.Fatal(err)
	}
	var got []string
	for cursor, pages := uint64(0), 0; ; pages++ {
		letters, next, err := b.List(t.Context(), cursor, 2)
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, l := range letters {
			got = append(got, string(l.Body))
			if l.Requeued.IsZero() == (l.Seq == 2) {
				t.Errorf("letter %d was requeued at %v", l.Seq, l.Requeued)
			}
		}
		if cursor = next; next == 0 {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRequeueingPublishesTheMessageAgainOnce(t *testing.T) {
	b := newBox(t)
	b.mustPut(t, letter("{\"id\":\"a\"}\n{\"id\":\"b\"}"))
	if err := b.Requeue(t.Context(), 1, ""); err != nil {
		t.Fatal(err)
	}
	if err := b.Requeue(t.Context(), 1, ""); !errors.Is(err, ErrRequeued) {
		t.Errorf("the second time: %v", err)
	}
	events, err := b.cfg.JS.Stream(t.Context(), "RIPCORD_EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := events.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if raw.Subject != "ripcord.events.payment.fraud" || string(raw.Data) != "{\"id\":\"a\"}\n{\"id\":\"b\"}" || raw.Header.Get("Content-Type") != triggers.ContentNDJSON || raw.Header.Get("Nats-Msg-Id") == "poison" {
		t.Errorf("%s %v %s", raw.Subject, raw.Header, raw.Data)
	}
	if n := events.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestAnAlertIsRequeuedToTheTargetThatSomebodyNames(t *testing.T) {
	for name, subject := range map[string]string{"it named none": "", "it named an unknown one": "ripcord.events.alert.else"} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			alert := triggers.Alert{Status: "firing", Fingerprint: "f1", Labels: map[string]string{"alertname": "A", "target": "http://probe"}}
			d := letter(string(triggers.Encode(alert.Event("am", ""))))
			d.Subject = subject
			b.mustPut(t, d)
			if err := b.Requeue(t.Context(), 1, "fraud"); err != nil {
				t.Fatal(err)
			}
			events, err := b.cfg.JS.Stream(t.Context(), "RIPCORD_EVENTS")
			if err != nil {
				t.Fatal(err)
			}
			raw, err := events.GetMsg(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			typ, target, _ := triggers.SplitSubject(raw.Subject)
			got, rejects := triggers.Decode(triggers.Message{Type: typ, Target: target, Stored: noon, Header: raw.Header, Body: raw.Data}, b.cfg.KnownTarget)
			if len(rejects) > 0 || len(got) != 1 || got[0].ID != "f1|firing|" || got[0].Target != "fraud" {
				t.Errorf("%+v %+v", got, rejects)
			}
		})
	}
}

func TestWhatCanNotBecomeAnEventIsNotRequeued(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*triggers.DeadLetter)
		target string
		want   string
	}{
		"a target that is still unknown":    {func(d *triggers.DeadLetter) { d.Subject = "ripcord.events.payment.else" }, "", "target else is not configured"},
		"an alert that names no target":     {func(d *triggers.DeadLetter) { d.Subject = "" }, "", "without a target"},
		"an alert to an unknown target":     {func(d *triggers.DeadLetter) { d.Subject = "" }, "other", "target other is not configured"},
		"another target for what names one": {func(*triggers.DeadLetter) {}, "other", "to another target"},
		"bytes that never had a subject":    {func(d *triggers.DeadLetter) { d.Subject, d.Code = "", triggers.DeadUndecodable }, "", "never had a subject"},
		"a foreign subject":                 {func(d *triggers.DeadLetter) { d.Subject, d.Code = "$JS.API.x", triggers.DeadUndecodable }, "", "never had a subject"},
		"a body that was cut":               {func(d *triggers.DeadLetter) { d.Body = []byte(strings.Repeat("x", maxBody+1)) }, "", "of 204801 bytes only the first 204800"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			d := letter("{}")
			c.change(&d)
			b.mustPut(t, d)
			if err := b.Requeue(t.Context(), 1, c.target); !errors.Is(err, ErrNoWay) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
