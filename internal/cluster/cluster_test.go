package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/journal/journaltest"
	"github.com/ripcord-dev/ripcord/internal/journal/natsjournal"
	"github.com/ripcord-dev/ripcord/internal/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(t testing.TB, dir string) cluster.Config {
	return cluster.Config{Dir: dir, MinFree: 1, Logger: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)}
}

func open(t testing.TB, cfg cluster.Config) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func publish(t testing.TB, c *cluster.Cluster, n int) {
	t.Helper()
	for i := range n {
		if _, err := c.JetStream().Publish(t.Context(), cluster.EventsPrefix+"alert.a", fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatalf("publish: %v", err)
		}
	}
}

func events(t testing.TB, c *cluster.Cluster) uint64 {
	t.Helper()
	stream, err := c.JetStream().Stream(t.Context(), cluster.EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

func TestOpenIsReady(t *testing.T) {
	c := open(t, config(t, t.TempDir()))
	if err := c.Ready(); err != nil {
		t.Errorf("ready = %v", err)
	}
	if c.ClientURL() != "" || c.Token() != "" || c.EventsToken() != "" || len(c.Incarnation()) != 36 || c.Quarantined() != nil {
		t.Errorf("url %q, token %q, incarnation %q, quarantined %v", c.ClientURL(), c.Token(), c.Incarnation(), c.Quarantined())
	}
	c.Close()
	if err := c.Ready(); err == nil || !strings.Contains(err.Error(), "CLOSED") {
		t.Errorf("ready after close = %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name string
		cfg  cluster.Config
		want string
	}{
		{"a port that is taken", cluster.Config{Dir: t.TempDir(), Listen: taken.Addr().String()}, "address already in use"},
		{"neither directory nor URL", cluster.Config{}, "neither a data directory nor the URL"},
		{"a directory that is a file", cluster.Config{Dir: blocked}, "make data directory"},
		{"an address without a port", cluster.Config{Dir: t.TempDir(), Listen: "localhost"}, `read listen address "localhost"`},
		{"a port that is no number", cluster.Config{Dir: t.TempDir(), Listen: "localhost:nats"}, "the port is not a number"},
		{"a server that is not there", cluster.Config{URL: "nats://user:secret@127.0.0.1:1"}, "connect to NATS at nats://<redacted>@127.0.0.1:1"},
		{"a token file that is not there", cluster.Config{URL: "nats://127.0.0.1:1", Token: fileToken(filepath.Join(dir, "none"))}, "read token file"},
		{"a certificate without its key", cluster.Config{URL: "nats://127.0.0.1:1", CertFile: blocked}, "both its certificate file and its key file"},
	} {
		opened, err := cluster.Open(t.Context(), c.cfg)
		if err == nil {
			opened.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: open = %v, want %q in it", c.name, err, c.want)
		}
	}
}

func TestTwoDaemonsCannotShareADirectory(t *testing.T) {
	dir := t.TempDir()
	first := open(t, config(t, dir))
	_, err := cluster.Open(t.Context(), config(t, dir))
	want := fmt.Sprintf("the data directory %s is in use by another ripcord (process %d)", dir, os.Getpid())
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("second open = %v, want %q in it", err, want)
	}
	publish(t, first, 1)
	first.Close()
	if n := events(t, open(t, config(t, dir))); n != 1 {
		t.Errorf("%d events after the first gave the directory free, want 1", n)
	}
}

func TestEventsOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	c := open(t, config(t, dir))
	publish(t, c, 10)
	c.Close()
	again := open(t, config(t, dir))
	if n := events(t, again); n != 10 || again.Incarnation() != c.Incarnation() {
		t.Errorf("%d events of incarnation %s, want 10 of %s", n, again.Incarnation(), c.Incarnation())
	}
}

func TestFilesAreClosedToOthers(t *testing.T) {
	dir := t.TempDir()
	cfg := config(t, dir)
	cfg.Listen = "127.0.0.1:0"
	open(t, cfg)
	for name, want := range map[string]os.FileMode{"jetstream": 0o700, "nats.token": 0o600, "nats-events.token": 0o600, "ripcord.lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %o", name, info.Mode(), err, want)
		}
	}
}

func TestTornStreamIsSetAside(t *testing.T) {
	dir := t.TempDir()
	c := open(t, config(t, dir))
	publish(t, c, 3)
	c.Close()
	store := filepath.Join(dir, "jetstream", "$G", "streams")
	if err := os.Remove(filepath.Join(store, cluster.EventsStream, "meta.sum")); err != nil {
		t.Fatal(err)
	}
	again := open(t, config(t, dir))
	moved := again.Quarantined()
	if len(moved) != 1 || !strings.HasPrefix(moved[0], filepath.Join(dir, "quarantine-")) {
		t.Fatalf("quarantined %v, want the events stream under %s", moved, dir)
	}
	if _, err := os.Stat(filepath.Join(moved[0], "msgs", "1.blk")); err != nil {
		t.Errorf("the messages set aside: %v", err)
	}
	publish(t, again, 5)
	again.Close()
	third := open(t, config(t, dir))
	if n := events(t, third); n != 5 || third.Quarantined() != nil {
		t.Errorf("%d events at the start after, quarantined %v; want 5 and none", n, third.Quarantined())
	}
	if third.Incarnation() == c.Incarnation() {
		t.Error("the new stream has the old incarnation")
	}
}

func TestTornConsumerIsSetAside(t *testing.T) {
	dir := t.TempDir()
	c := open(t, config(t, dir))
	_, err := c.JetStream().CreateConsumer(t.Context(), cluster.EventsStream, jetstream.ConsumerConfig{Durable: "reader"})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, c, 3)
	c.Close()
	if err := os.Remove(filepath.Join(dir, "jetstream", "$G", "streams", cluster.EventsStream, "obs", "reader", "meta.sum")); err != nil {
		t.Fatal(err)
	}
	again := open(t, config(t, dir))
	if moved := again.Quarantined(); len(moved) != 1 || filepath.Base(moved[0]) != "reader" {
		t.Errorf("quarantined %v, want the reader", moved)
	}
	if n := events(t, again); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

// A crash between the two files of a change of settings leaves the checksum of the
// old ones; the server alone would not find the stream again.
func TestInterruptedChangeOfSettingsIsMended(t *testing.T) {
	dir := t.TempDir()
	c := open(t, config(t, dir))
	publish(t, c, 3)
	sum := filepath.Join(dir, "jetstream", "$G", "streams", cluster.EventsStream, "meta.sum")
	before, err := os.ReadFile(sum)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	cfg := config(t, dir)
	cfg.MaxBytes = 1 << 30
	open(t, cfg).Close()
	if err := os.WriteFile(sum, before, 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, cfg)
	if n := events(t, again); n != 3 || again.Incarnation() != c.Incarnation() {
		t.Errorf("%d events of incarnation %s, want 3 of %s", n, again.Incarnation(), c.Incarnation())
	}
}

func TestStreamSettings(t *testing.T) {
	c := open(t, config(t, t.TempDir()))
	type settings struct {
		Discard                             jetstream.DiscardPolicy
		MaxBytes                            int64
		MaxAge, Duplicates                  time.Duration
		MaxMsgSize                          int32
		DenyDelete, DenyPurge, Roll, Direct bool
	}
	for name, want := range map[string]settings{
		cluster.EventsStream: {
			Discard: jetstream.DiscardNew, MaxBytes: 2 << 30, MaxAge: 168 * time.Hour, Duplicates: 10 * time.Minute,
			MaxMsgSize: 256 << 10, DenyDelete: true, DenyPurge: true,
		},
		cluster.DeadLetterStream: {
			Discard: jetstream.DiscardOld, MaxBytes: 256 << 20, MaxAge: 720 * time.Hour, Duplicates: 10 * time.Minute,
			MaxMsgSize: 272 << 10,
		},
	} {
		stream, err := c.JetStream().Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		got := stream.CachedInfo().Config
		if diff := cmp.Diff(want, settings{got.Discard, got.MaxBytes, got.MaxAge, got.Duplicates, got.MaxMsgSize, got.DenyDelete, got.DenyPurge, got.AllowRollup, got.AllowDirect}); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if got.Metadata[streams.Incarnation] == "" {
			t.Errorf("%s has no incarnation", name)
		}
	}
}

// foreign is a server that is not ours.
func foreign(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}

// A stream of another making is mended, or refused in a sentence.
func TestForeignStreams(t *testing.T) {
	for _, c := range []struct {
		name   string
		stream jetstream.StreamConfig
		want   string // empty: it is mended
	}{
		{"other limits are mended", jetstream.StreamConfig{AllowDirect: true, MaxMsgs: 5, MaxAge: time.Hour}, ""},
		{"memory is refused", jetstream.StreamConfig{Storage: jetstream.MemoryStorage}, "change stream RIPCORD_EVENTS (storage is Memory, must be File"},
		{"a work queue is refused", jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy}, "retention cannot be changed: move the stream away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t, "")
			cfg.URL = foreign(t)
			conn, err := nats.Connect(cfg.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			js, err := jetstream.New(conn)
			if err != nil {
				t.Fatal(err)
			}
			c.stream.Name, c.stream.Subjects = cluster.EventsStream, []string{"ripcord.events.old"}
			if _, err := js.CreateStream(t.Context(), c.stream); err != nil {
				t.Fatal(err)
			}
			opened, err := cluster.Open(t.Context(), cfg)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("open = %v, want %q in it", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			publish(t, opened, 10)
			if n := events(t, opened); n != 10 || opened.Incarnation() == "" {
				t.Errorf("%d events of incarnation %q, want 10", n, opened.Incarnation())
			}
		})
	}
}

func TestCheckVersion(t *testing.T) {
	for version, ok := range map[string]bool{
		"2.15.2": true, "2.15.10": true, "2.16.0": true, "3.0.0": true, "2.15.2-preview.1": true,
		"2.15.1": false, "2.14.6": false, "1.99.99": false, "": false, "dev": false, "2": false,
	} {
		if err := cluster.CheckVersion(version); (err == nil) != ok {
			t.Errorf("CheckVersion(%q) = %v", version, err)
		}
	}
}

func TestRedacted(t *testing.T) {
	if got, want := cluster.Redacted("nats://u:p@a:1,tls://token@b,c:4222,u:p@d"), "nats://<redacted>@a:1,tls://<redacted>@b,nats://c:4222,nats://<redacted>@d"; got != want {
		t.Errorf("redacted = %s, want %s", got, want)
	}
}

// strange is a journal that the suite can write foreign bytes to.
type strange struct {
	*natsjournal.Journal
	js jetstream.JetStream
}

func (s strange) Inject(ctx context.Context, target string, encoded []byte) (uint64, error) {
	ack, err := s.js.Publish(ctx, natsjournal.Prefix+streams.Token(target), encoded)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

func listening(t *testing.T) (c *cluster.Cluster, dir string) {
	cfg := config(t, t.TempDir())
	cfg.Listen = "127.0.0.1:0"
	return open(t, cfg), cfg.Dir
}

func TestJournalOnAnExternalServer(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Journal {
		host, dir := listening(t)
		cfg := config(t, "")
		cfg.URL, cfg.Token = host.ClientURL(), fileToken(filepath.Join(dir, "nats.token"))
		c := open(t, cfg)
		if err := c.Ready(); err != nil || c.ClientURL() != host.ClientURL() || c.Incarnation() != host.Incarnation() {
			t.Fatalf("ready = %v at %s, want nil at %s", err, c.ClientURL(), host.ClientURL())
		}
		j, err := natsjournal.Open(t.Context(), c.JetStream(), natsjournal.Config{Logger: cfg.Logger})
		if err != nil {
			t.Fatal(err)
		}
		return strange{j, c.JetStream()}
	})
}

func TestDoorsOfAListeningServer(t *testing.T) {
	c, _ := listening(t)
	for _, token := range []string{"", "wrong", c.Token() + "x"} {
		conn, err := nats.Connect(c.ClientURL(), nats.Token(token))
		if err == nil {
			conn.Close()
		}
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("connect with token %q = %v, want a refusal", token, err)
		}
	}
	conn, err := nats.Connect(c.ClientURL(), nats.Token(c.EventsToken()), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), cluster.EventsPrefix+"alert.a", []byte("{}")); err != nil {
		t.Errorf("publish an event with the events token: %v", err)
	}
	if _, err := natsjournal.Open(t.Context(), c.JetStream(), natsjournal.Config{}); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{natsjournal.Prefix + "a", cluster.DeadLetterPrefix + "a", "$JS.API.STREAM.DELETE." + cluster.EventsStream} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := conn.RequestWithContext(ctx, subject, []byte("{}")); err == nil {
			t.Errorf("the events token may publish to %s", subject)
		}
		cancel()
	}
	if n := events(t, c); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

// fileToken reads a token anew at every use, as the daemon's configuration does.
func fileToken(path string) func() (string, error) {
	return func() (string, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read token file: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
}
