package foreign

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ripcord-dev/ripcord/triggers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve gives a JetStream on an embedded server.
func serve(t *testing.T) jetstream.JetStream {
	t.Helper()
	srv, err := server.NewServer(&server.Options{JetStream: true, StoreDir: t.TempDir(), DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready")
	}
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestAForeignStreamIsReadOnceEach(t *testing.T) {
	js := serve(t)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "SCORES", Subjects: []string{"score.>"}}); err != nil {
		t.Fatal(err)
	}
	events, dead := make(chan triggers.Event, 100), make(chan triggers.DeadLetter, 100)
	refuse := true // the store is full once: the batch must come again
	cfg := Config{
		JS: js, Subject: "score.>", KnownTarget: func(s string) bool { return s == "fraud" }, Logger: zerolog.Nop(),
		Shape: triggers.Foreign{Name: "scorer", Type: "prediction", Version: "mv", Target: triggers.Places{{Kind: triggers.PlaceSubject, Token: 2}}},
		Sink: func(_ context.Context, batch []triggers.Event) error {
			if refuse {
				refuse = false
				return errors.New("full")
			}
			for _, ev := range batch {
				events <- ev
			}
			return nil
		},
		DeadLetter: func(_ context.Context, d triggers.DeadLetter) error { dead <- d; return nil },
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := New(cfg)
	go func() { done <- s.Run(ctx) }()
	for s.Health() != nil {
		time.Sleep(5 * time.Millisecond) // the consumer is made: what comes from now on is read
	}
	for i, subject := range []string{"score.fraud", "score.nobody", "score.fraud"} {
		if _, err := js.Publish(ctx, subject, fmt.Appendf(nil, `{"mv":"v%d"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]string{}
	for len(seen) < 2 {
		ev := <-events
		seen[ev.ID] = ev.Version
	}
	if seen["1-0"] != "v0" || seen["3-0"] != "v2" {
		t.Errorf("events by id are %v, want v0 and v2 under their positions", seen)
	}
	if d := <-dead; d.Source != "scorer" || d.Reason == "" {
		t.Errorf("dead letter %+v", d)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
