package natsjournal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/journal/journaltest"
	"github.com/ripcord-dev/ripcord/internal/journal/natsjournal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log shows what the parts under test say, when the test fails or is verbose.
func log(t testing.TB) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
}

func server(t testing.TB, cfg cluster.Config) *cluster.Cluster {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.MinFree = 1
	cfg.Logger = log(t)
	c, err := cluster.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func open(t testing.TB, js jetstream.JetStream, cfg natsjournal.Config) *natsjournal.Journal {
	t.Helper()
	cfg.Logger = log(t)
	j, err := natsjournal.Open(t.Context(), js, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func record(target string, n int) journal.Record {
	return journal.Record{Target: target, Entries: json.RawMessage(`[{}]`), State: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))}
}

func TestConformance(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Journal {
		return natsjournal.Strange{Journal: open(t, server(t, cluster.Config{}).JetStream(), natsjournal.Config{Writer: "w"})}
	})
}

func TestStreamNamesAgree(t *testing.T) {
	if natsjournal.Stream != cluster.JournalStream {
		t.Errorf("the journal's stream is %s here and %s there", natsjournal.Stream, cluster.JournalStream)
	}
}

func TestWriterIsFilledIn(t *testing.T) {
	j := open(t, server(t, cluster.Config{}).JetStream(), natsjournal.Config{Writer: "host/1/build"})
	head, err := j.Append(t.Context(), journal.Head{}, record("a", 1))
	if err != nil || head.Record.Writer != "host/1/build" {
		t.Errorf("writer = %q, %v", head.Record.Writer, err)
	}
}

func TestStreamSettings(t *testing.T) {
	js := server(t, cluster.Config{}).JetStream()
	check := func(name string) {
		t.Helper()
		stream, err := js.Stream(t.Context(), natsjournal.Stream)
		if err != nil {
			t.Fatal(err)
		}
		c := stream.CachedInfo().Config
		got := fmt.Sprint(c.Storage, c.Retention, c.Discard, c.MaxAge, c.MaxBytes, c.MaxMsgsPerSubject, c.AllowDirect, c.AllowRollup, c.DenyDelete, c.DenyPurge)
		if want := fmt.Sprint(jetstream.FileStorage, jetstream.LimitsPolicy, jetstream.DiscardNew, 0*time.Second, int64(1<<30), -1, false, false, true, true); got != want {
			t.Errorf("%s: settings %s, want %s", name, got, want)
		}
	}
	first := open(t, js, natsjournal.Config{})
	check("created")
	if len(first.Incarnation()) != 36 {
		t.Errorf("incarnation %q is no UUID", first.Incarnation())
	}
	stream, _ := js.Stream(t.Context(), natsjournal.Stream)
	changed := stream.CachedInfo().Config
	changed.AllowDirect, changed.AllowRollup, changed.DenyPurge, changed.MaxAge, changed.Discard = true, false, true, time.Hour, jetstream.DiscardOld
	if _, err := js.UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	second := open(t, js, natsjournal.Config{})
	check("mended")
	if first.Incarnation() != second.Incarnation() {
		t.Errorf("the incarnation changed from %s to %s", first.Incarnation(), second.Incarnation())
	}
}

func TestStreamThatCannotBeMended(t *testing.T) {
	js := server(t, cluster.Config{}).JetStream()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: natsjournal.Stream, Subjects: []string{"ripcord.journal.>"}, Storage: jetstream.MemoryStorage})
	if err != nil {
		t.Fatal(err)
	}
	_, err = natsjournal.Open(t.Context(), js, natsjournal.Config{})
	if err == nil || !strings.Contains(err.Error(), "storage cannot be changed") || !strings.Contains(err.Error(), natsjournal.Stream) {
		t.Errorf("open = %v, want a refusal that names the stream and its storage", err)
	}
}

func TestRecordsOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	c := server(t, cluster.Config{Dir: dir})
	j := open(t, c.JetStream(), natsjournal.Config{})
	head := journal.Head{}
	for n := range 5 {
		var err error
		if head, err = j.Append(t.Context(), head, record("a", n)); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	again := open(t, server(t, cluster.Config{Dir: dir}).JetStream(), natsjournal.Config{})
	got, err := again.Head(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(head, got); diff != "" {
		t.Errorf("head after the restart differs:\n%s", diff)
	}
	if again.Incarnation() != j.Incarnation() {
		t.Errorf("incarnation %s, was %s", again.Incarnation(), j.Incarnation())
	}
}

func TestFullJournalRefusesAndKeeps(t *testing.T) {
	j := open(t, server(t, cluster.Config{}).JetStream(), natsjournal.Config{MaxBytes: 600 << 10})
	head, n := journal.Head{}, 0
	var err error
	for ; err == nil && n < 100; n++ {
		r := record("a", n)
		r.State = json.RawMessage(`"` + strings.Repeat("x", 100<<10) + `"`)
		var next journal.Head
		if next, err = j.Append(t.Context(), head, r); err == nil {
			head = next
		}
	}
	if !errors.Is(err, journal.ErrUnavailable) || !strings.Contains(err.Error(), "is full at 614400 bytes") {
		t.Fatalf("append to a full journal = %v", err)
	}
	got, err := j.Head(t.Context(), "a")
	if err != nil || got.Revision != head.Revision || n < 3 {
		t.Errorf("head = revision %d, %v; want the last record stored, %d", got.Revision, err, head.Revision)
	}
}

func TestNothingIsWrittenWithoutAConnection(t *testing.T) {
	c := server(t, cluster.Config{Listen: "127.0.0.1:0"})
	p := newProxy(t, c.ClientURL())
	js := p.jetStream(t, c.Token(), nats.ReconnectBufSize(-1))
	j := open(t, js, natsjournal.Config{})
	p.refuse(true)
	p.cut()
	for js.Conn().Status() == nats.CONNECTED {
		time.Sleep(time.Millisecond)
	}
	if _, err := j.Append(t.Context(), journal.Head{}, record("a", 1)); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("append = %v, want ErrUnavailable", err)
	}
	if _, err := j.Head(t.Context(), "a"); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("head = %v, want ErrUnavailable", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	j := open(b, server(b, cluster.Config{}).JetStream(), natsjournal.Config{})
	head, r := journal.Head{}, record("a", 1)
	r.State = json.RawMessage(`"` + strings.Repeat("x", 2<<10) + `"`)
	for b.Loop() {
		var err error
		if head, err = j.Append(b.Context(), head, r); err != nil {
			b.Fatal(err)
		}
	}
}
