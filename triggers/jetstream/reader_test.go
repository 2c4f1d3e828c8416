package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/ripcord-dev/ripcord/triggers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	stream  = "RIPCORD_EVENTS"
	durable = "ripcord-eval"
	wait    = 20 * time.Second
)

// world is an events stream on an embedded server.
type world struct {
	t   *testing.T
	dir string
	srv *server.Server
	nc  *nats.Conn
	js  js.JetStream

	mu     sync.Mutex
	taken  []string // what the handler took: "seq ids", "replay" before it
	dead   []string
	notify chan struct{}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), notify: make(chan struct{}, 1)}
	w.start(-1)
	nc, err := nats.Connect(w.srv.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	w.must(err)
	t.Cleanup(func() { nc.Close(); w.srv.Shutdown(); w.srv.WaitForShutdown() })
	w.nc = nc
	w.js, err = js.New(nc, js.WithDefaultTimeout(2*time.Second))
	w.must(err)
	w.makeStream()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start(port int) {
	w.t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: w.dir, NoSigs: true})
	w.must(err)
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		w.t.Fatal("the server does not start")
	}
	w.srv = srv
}

func (w *world) makeStream() {
	w.t.Helper()
	_, err := w.js.CreateStream(w.t.Context(), js.StreamConfig{Name: stream, Subjects: []string{"ripcord.events.>"}})
	w.must(err)
}

func (w *world) publish(bodies ...string) {
	w.t.Helper()
	for _, body := range bodies {
		_, err := w.js.Publish(w.t.Context(), "ripcord.events.payment.fraud", []byte(body))
		w.must(err)
	}
}

func (w *world) config() Config {
	return Config{
		JS: w.js, Stream: stream, Durable: durable, KnownTarget: func(name string) bool { return name == "fraud" },
		DeadLetter: func(_ context.Context, d triggers.DeadLetter) error {
			w.note(&w.dead, fmt.Sprintf("%d %s %s %q: %s", d.Origin, d.Code, d.Subject, d.Body, d.Reason))
			return nil
		},
		Warmup: time.Hour, Registerer: prometheus.NewRegistry(),
	}
}

func (w *world) note(list *[]string, line string) {
	w.mu.Lock()
	*list = append(*list, line)
	w.mu.Unlock()
	select {
	case w.notify <- struct{}{}:
	default:
	}
}

func (w *world) take(_ context.Context, b Batch) error {
	line := fmt.Sprint(b.Seq)
	if b.Replay {
		line = "replay " + line
	}
	for _, ev := range b.Events {
		line += " " + ev.ID
	}
	w.note(&w.taken, line)
	return nil
}

// run starts a reader; stop ends it and waits.
func (w *world) run(cfg Config, h Handler) (r *Reader, stop func()) {
	w.t.Helper()
	r = New(cfg)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, h) }()
	return r, func() {
		w.t.Helper()
		cancel()
		select {
		case err := <-done:
			w.must(err)
		case <-time.After(wait):
			w.t.Fatal("the reader does not end")
		}
	}
}

// until waits for the condition, which is looked at after each note.
func (w *world) until(what string, condition func() bool) {
	w.t.Helper()
	deadline := time.After(wait)
	for {
		w.mu.Lock()
		ok := condition()
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-w.notify:
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.t.Fatalf("%s did not come; taken %q, dead %q", what, w.taken, w.dead)
		}
	}
}

func (w *world) untilTaken(n int) {
	w.t.Helper()
	w.until(fmt.Sprint(n, " messages"), func() bool { return len(w.taken) >= n })
}

// floor waits until the durable has that ack floor.
func (w *world) floor(want uint64) {
	w.t.Helper()
	w.until(fmt.Sprint("the ack floor ", want), func() bool {
		c, err := w.js.Consumer(w.t.Context(), stream, durable)
		return err == nil && c.CachedInfo().AckFloor.Stream == want
	})
}

func (w *world) same(want, got []string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Error(diff)
	}
}

func TestMessagesAreTakenInOrderAndOnce(t *testing.T) {
	w := newWorld(t)
	w.publish(`{"id":"a"}`, `[{"id":"b"},{"x":1}]`)
	r, stop := w.run(w.config(), w.take)
	w.untilTaken(2)
	w.publish(`{"id":"c"}`)
	w.untilTaken(3)
	w.floor(3)
	if err := r.Ready(); err != nil || r.Lag() != 0 {
		t.Errorf("lag %d: %v", r.Lag(), err)
	}
	stop()
	w.same([]string{"1 a", "2 b 2-1", "3 c"}, w.taken)
}

func TestARestartReplaysWhatWasDecidedAndGoesOnLive(t *testing.T) {
	w := newWorld(t)
	w.publish(`{"id":"a"}`, `{"id":"b"}`, `NaN`)
	_, stop := w.run(w.config(), w.take)
	w.floor(3)
	stop()
	w.publish(`{"id":"c"}`)
	w.taken, w.dead = nil, nil
	_, stop = w.run(w.config(), w.take)
	w.untilTaken(4)
	w.floor(4)
	stop()
	w.same([]string{"replay 1 a", "replay 2 b", "replay 3", "4 c"}, w.taken)
	w.same(nil, w.dead)
}

func TestTheWarmUpGoesNoFurtherBackThanItIsTold(t *testing.T) {
	w := newWorld(t)
	w.publish(`{"id":"a"}`)
	_, stop := w.run(w.config(), w.take)
	w.floor(1)
	stop()
	for name, warmup := range map[string]time.Duration{"not at all": 0, "not that far": time.Nanosecond} {
		t.Run(name, func(t *testing.T) {
			w.taken = nil
			cfg := w.config()
			cfg.Warmup = warmup
			r, stop := w.run(cfg, w.take)
			w.until("readiness", func() bool { return r.Ready() == nil })
			stop()
			w.same(nil, w.taken)
		})
	}
}

func TestWhatCanNotBeUsedIsADeadLetterAndBlocksNothing(t *testing.T) {
	w := newWorld(t)
	w.publish("hello", `[{"id":"a"},{"a":NaN},{"id":"b"},{"x":1,"x":2}]`)
	for _, subject := range []string{"ripcord.events.payment.else", "ripcord.events.payment", "ripcord.events.a.b.c"} {
		_, err := w.js.Publish(t.Context(), subject, []byte(`{}`))
		w.must(err)
	}
	w.publish(`{"id":"panic"}`, `{"id":"c"}`)
	_, stop := w.run(w.config(), func(ctx context.Context, b Batch) error {
		if len(b.Events) > 0 && b.Events[0].ID == "panic" {
			panic("a rule went wrong")
		}
		return w.take(ctx, b)
	})
	w.floor(7)
	stop()
	w.same([]string{"1", "2 a b", "3", "4", "5", "7 c"}, w.taken)
	w.same([]string{
		`1 undecodable ripcord.events.payment.fraud "hello": the body can not be read: it is not valid JSON: byte 1 should have a value (NaN and Infinity are not JSON)`,
		`2 undecodable ripcord.events.payment.fraud "{\"a\":NaN}\n{\"x\":1,\"x\":2}\n": element 1: it is not valid JSON: byte 6 should have a value (NaN and Infinity are not JSON) (and 1 more)`,
		`3 unresolved ripcord.events.payment.else "{}": target else is not configured`,
		`4 undecodable ripcord.events.payment "{}": the subject's type "" is no name: use letters, digits, _ and -, at most 63`,
		`5 undecodable ripcord.events.a.b.c "{}": the subject's type "" is no name: use letters, digits, _ and -, at most 63`,
		`6 crashed ripcord.events.payment.fraud "{\"id\":\"panic\"}": panic: a rule went wrong`,
	}, w.dead)
}

func TestAMessageThatIsNotTakenIsTriedAgainAndNotAcknowledged(t *testing.T) {
	w := newWorld(t)
	w.publish(`{"id":"a"}`, `{"id":"b"}`)
	tries, broken := 0, true
	var mu sync.Mutex
	_, stop := w.run(w.config(), func(ctx context.Context, b Batch) error {
		mu.Lock()
		defer mu.Unlock()
		if tries++; b.Seq == 2 && broken {
			return errors.New("the journal is away")
		}
		return w.take(ctx, b)
	})
	w.until("a second try", func() bool { mu.Lock(); defer mu.Unlock(); return tries >= 4 })
	c, err := w.js.Consumer(t.Context(), stream, durable)
	w.must(err)
	if floor := c.CachedInfo().AckFloor.Stream; floor > 1 {
		t.Errorf("the ack floor is %d before it was taken", floor)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	w.floor(2)
	stop()
	w.same([]string{"1 a", "2 b"}, w.taken)
}

func TestADeadLetterThatIsNotKeptHoldsTheMessageBack(t *testing.T) {
	w := newWorld(t)
	w.publish(`NaN`)
	cfg := w.config()
	tries := 0
	keep := cfg.DeadLetter
	cfg.DeadLetter = func(ctx context.Context, d triggers.DeadLetter) error {
		if tries++; tries < 3 {
			return errors.New("full")
		}
		return keep(ctx, d)
	}
	_, stop := w.run(cfg, w.take)
	w.floor(1)
	stop()
	if tries != 3 || len(w.dead) != 1 {
		t.Errorf("%d tries, %q", tries, w.dead)
	}
}

func TestAConsumerThatVanishedIsMadeBehindWhatWasHandled(t *testing.T) {
	w := newWorld(t)
	w.publish(`{"id":"a"}`, `{"id":"b"}`)
	_, stop := w.run(w.config(), w.take)
	w.untilTaken(2)
	w.must(w.js.DeleteConsumer(t.Context(), stream, durable))
	w.publish(`{"id":"c"}`)
	w.untilTaken(3)
	w.floor(3)
	stop()
	w.same([]string{"1 a", "2 b", "3 c"}, w.taken)
}

func TestAStreamThatWasMadeAnewIsReadFromItsStart(t *testing.T) {
	w := newWorld(t)
	w.publish(`{"id":"a"}`, `{"id":"b"}`)
	_, stop := w.run(w.config(), w.take)
	w.untilTaken(2)
	w.must(w.js.DeleteStream(t.Context(), stream))
	w.makeStream()
	w.publish(`{"id":"x"}`, `{"id":"y"}`, `{"id":"z"}`)
	w.untilTaken(5)
	stop()
	w.same([]string{"1 a", "2 b", "1 x", "2 y", "3 z"}, w.taken)
}

func TestARedeliveryIsOnlyAcknowledged(t *testing.T) {
	w := newWorld(t)
	_, err := w.js.CreateConsumer(t.Context(), stream, js.ConsumerConfig{Durable: durable, AckPolicy: js.AckAllPolicy, AckWait: 100 * time.Millisecond, MaxDeliver: -1})
	w.must(err)
	var want []string
	for i := range 40 {
		w.publish(fmt.Sprintf(`{"id":"e%d"}`, i))
		want = append(want, fmt.Sprintf("%d e%d", i+1, i))
	}
	_, stop := w.run(w.config(), func(ctx context.Context, b Batch) error {
		time.Sleep(20 * time.Millisecond) // the ack wait runs out while messages sit in the client
		return w.take(ctx, b)
	})
	w.floor(40)
	stop()
	w.same(want, w.taken)
}

func TestTheReaderOutlivesItsServer(t *testing.T) {
	w := newWorld(t)
	w.publish(`{"id":"a"}`)
	r, stop := w.run(w.config(), w.take)
	w.floor(1)
	port := w.srv.Addr().String()[strings.LastIndex(w.srv.Addr().String(), ":")+1:]
	w.srv.Shutdown()
	w.srv.WaitForShutdown()
	var n int
	_, err := fmt.Sscan(port, &n)
	w.must(err)
	w.start(n)
	w.until("a stored message", func() bool {
		_, err := w.js.Publish(t.Context(), "ripcord.events.payment.fraud", []byte(`{"id":"b"}`), js.WithMsgID("b"))
		return err == nil
	})
	w.untilTaken(2)
	w.until("readiness", func() bool { return r.Ready() == nil })
	stop()
	w.same([]string{"1 a", "2 b"}, w.taken)
}

func TestATickIsAppendedWhenItIsDueAndTheStreamIsIdle(t *testing.T) {
	w := newWorld(t)
	w.publish(`{"id":"a"}`)
	cfg := w.config()
	var mu sync.Mutex
	due := time.Now().Add(time.Hour)
	asked := 0
	cfg.WantTick = func() time.Time { mu.Lock(); defer mu.Unlock(); asked++; return due }
	_, stop := w.run(cfg, w.take)
	w.until("the question for a tick", func() bool { mu.Lock(); defer mu.Unlock(); return asked > 0 })
	w.same([]string{"1 a"}, w.taken)
	mu.Lock()
	due = time.Now()
	mu.Unlock()
	w.untilTaken(2)
	mu.Lock()
	due = time.Time{}
	mu.Unlock()
	stop()
	w.same([]string{"1 a", "2"}, w.taken[:2])
	w.same(nil, w.dead)
}

func TestADurableThatWouldLeaveMessagesOutIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		config js.ConsumerConfig
		want   string
	}{
		"another ack policy":    {js.ConsumerConfig{AckPolicy: js.AckExplicitPolicy}, "ack policy"},
		"a limit of deliveries": {js.ConsumerConfig{AckPolicy: js.AckAllPolicy, MaxDeliver: 3}, "gives up after 3"},
		"a filter":              {js.ConsumerConfig{AckPolicy: js.AckAllPolicy, FilterSubject: "ripcord.events.a.>"}, "filters subjects"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.config.Durable = durable
			_, err := w.js.CreateConsumer(t.Context(), stream, c.config)
			w.must(err)
			r := New(w.config())
			if err := r.Run(t.Context(), w.take); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestItIsNotReadyWithoutAStream(t *testing.T) {
	w := newWorld(t)
	w.must(w.js.DeleteStream(t.Context(), stream))
	r, stop := w.run(w.config(), w.take)
	w.until("the reason", func() bool {
		err := r.Ready()
		return err != nil && strings.Contains(err.Error(), "find stream RIPCORD_EVENTS")
	})
	w.makeStream()
	w.publish(`{"id":"a"}`)
	w.untilTaken(1)
	stop()
}

func BenchmarkReadBatchesOf100(b *testing.B) {
	w := newBenchWorld(b)
	body := strings.TrimSuffix(strings.Repeat(`{"specversion":"1.0","id":"9f","source":"scorer-7","type":"payment","time":"2026-11-23T10:00:00.120Z","data":{"target":"fraud","version":"v42","decision":"block","score":0.93,"latency_ms":41}}`+"\n", 100), "\n")
	for range b.N {
		if _, err := w.js.PublishAsync("ripcord.events.payment.fraud", []byte(body)); err != nil {
			b.Fatal(err)
		}
	}
	<-w.js.PublishAsyncComplete()
	b.ResetTimer()
	ctx, cancel := context.WithCancel(b.Context())
	n := 0
	if err := New(w.config()).Run(ctx, func(_ context.Context, batch Batch) error {
		if n += len(batch.Events); n == 100*b.N {
			cancel()
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

func newBenchWorld(b *testing.B) *world {
	b.Helper()
	w := &world{notify: make(chan struct{}, 1)}
	srv, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: b.TempDir(), NoSigs: true})
	if err != nil {
		b.Fatal(err)
	}
	srv.Start()
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { nc.Close(); srv.Shutdown(); srv.WaitForShutdown() })
	if w.js, err = js.New(nc); err != nil {
		b.Fatal(err)
	}
	if _, err = w.js.CreateStream(b.Context(), js.StreamConfig{Name: stream, Subjects: []string{"ripcord.events.>"}}); err != nil {
		b.Fatal(err)
	}
	return w
}
