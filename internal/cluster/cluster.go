// Package cluster is the home of the events log: a NATS server with JetStream,
// embedded in this process or somebody else's, and the streams on it. It keeps
// watch over what JetStream itself does not tell: whether a message can be stored
// right now, and whether the disk is about to be full.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/internal/crashpoint"
)

// Config says where the log lives. With a URL it is a server or cluster of NATS;
// without one a server runs in this process and keeps its data under Dir.
type Config struct {
	Dir string
	// Listen is the embedded server's address for other processes, such as
	// 127.0.0.1:4222; empty means none. A client needs a token, see Cluster.Token;
	// it travels in clear, so that beyond this machine a server of NATS with TLS is
	// the better choice.
	Listen string

	// URL names the servers, separated by commas; the files are credentials and
	// certificates for them. All are read again at every reconnect, as is Token.
	URL, CredsFile, NKeyFile, CAFile, CertFile, KeyFile string
	// Token gives the servers' token; nil where there is none.
	Token func() (string, error)
	// Replicas is the number of copies of each stream; 0 leaves existing streams as
	// they are and makes new ones with a single copy. Embedded there is one.
	Replicas int

	MaxBytes int64 // of the events stream; 0 means 2 GiB
	MinFree  int64 // free bytes on Dir's disk under which Ready says no; 0 means 512 MiB
	Logger   zerolog.Logger
}

// patience is how long one request to the server may take, and its start.
const patience = 5 * time.Second

// Cluster is an open log. It is safe for concurrent use.
type Cluster struct {
	cfg         Config
	log         zerolog.Logger
	embedded    *embedded // nil: the server is somebody else's
	conn        *nats.Conn
	js          jetstream.JetStream
	incarnation string
	watch       watch
	closing     sync.Once
}

// Open starts the embedded server, or connects to the one that URL names, and
// creates or checks the streams of events, dead letters and the canary. ctx bounds
// the opening only. An error is one sentence that says what stands in the way; then
// nothing is left running and no lock is held.
func Open(ctx context.Context, cfg Config) (*Cluster, error) {
	c := &Cluster{cfg: withDefaults(cfg), log: cfg.Logger, watch: newWatch()}
	if err := c.open(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("open events log: %w", err)
	}
	return c, nil
}

func withDefaults(cfg Config) Config {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 2 << 30
	}
	if cfg.MinFree == 0 {
		cfg.MinFree = 512 << 20
	}
	return cfg
}

func (c *Cluster) open(ctx context.Context) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	if err := checkVersion(c.conn.ConnectedServerVersion()); err != nil {
		return err
	}
	var err error
	if c.js, err = jetstream.New(c.conn, jetstream.WithDefaultTimeout(patience), jetstream.WithPublishAsyncMaxPending(256)); err != nil {
		return err
	}
	if _, err := c.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("ask the server for JetStream: %w", err)
	}
	if err := c.openStreams(ctx); err != nil {
		return err
	}
	crashpoint.Hit("boot.after_stream_create")
	c.look(ctx)
	return nil
}

func (c *Cluster) connect(ctx context.Context) (err error) {
	if c.cfg.URL != "" {
		c.conn, err = dial(ctx, c.cfg)
		return err
	}
	if c.cfg.Dir == "" {
		return errors.New("neither a data directory nor the URL of a NATS server is given")
	}
	if c.embedded, err = startEmbedded(c.cfg); err != nil {
		return err
	}
	c.conn, err = c.embedded.connect(c.log)
	return err
}

// JetStream is the way to the streams, good for the life of the Cluster: it
// outlives restarts of the server.
func (c *Cluster) JetStream() jetstream.JetStream { return c.js }

// Conn is the connection under JetStream. While it is down a publish fails at
// once: nothing is kept to be sent later by surprise.
func (c *Cluster) Conn() *nats.Conn { return c.conn }

// Incarnation tells this events stream from one of the same name that was
// deleted: sequence numbers mean something only together with it.
func (c *Cluster) Incarnation() string { return c.incarnation }

// ClientURL is where other processes find the server; empty when the embedded
// one does not listen.
func (c *Cluster) ClientURL() string {
	if c.embedded == nil {
		return c.conn.ConnectedUrlRedacted()
	}
	return c.embedded.url()
}

// Token lets a client of a listening embedded server do everything, Dir/nats.token;
// EventsToken lets it publish events and nothing else, Dir/nats-events.token. Both
// are empty when the server does not listen or is somebody else's.
func (c *Cluster) Token() string {
	if c.embedded == nil {
		return ""
	}
	return c.embedded.tokens.full
}

// EventsToken: see Token.
func (c *Cluster) EventsToken() string {
	if c.embedded == nil {
		return ""
	}
	return c.embedded.tokens.events
}

// Quarantined lists the directories that were set aside before the start because
// JetStream would have ignored them and lost what came after. Empty is normal.
func (c *Cluster) Quarantined() []string {
	if c.embedded == nil {
		return nil
	}
	return c.embedded.quarantined
}

// Close closes the connection, stops the embedded server and gives the directory
// free. It may be called again.
func (c *Cluster) Close() {
	c.closing.Do(func() {
		if c.conn != nil {
			c.conn.Close()
		}
		if c.embedded != nil {
			c.embedded.close()
		}
	})
}

// hostname names this process to people who look at a server's connections.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
