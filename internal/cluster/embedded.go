package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/ripcord-dev/ripcord/internal/crashpoint"
)

// startPatience is how long the server may take to read its store.
const startPatience = 10 * time.Second

// embedded is a NATS server in this process. The server behind it is replaced by
// restart; connections made through InProcessConn find the new one.
type embedded struct {
	dir         string
	lock        *os.File
	tokens      tokens // empty when it does not listen
	quarantined []string
	log         zerolog.Logger

	mu     sync.Mutex
	opts   server.Options
	server *server.Server // nil while there is none
	closed bool
}

// startEmbedded takes the directory for this process alone, sets aside what would
// lose messages, and starts a server on it.
func startEmbedded(cfg Config) (*embedded, error) {
	e := &embedded{dir: cfg.Dir, log: cfg.Logger}
	if err := e.start(cfg); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *embedded) start(cfg Config) error {
	if err := os.MkdirAll(filepath.Join(e.dir, storeDir), 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if err := os.Chmod(filepath.Join(e.dir, storeDir), 0o700); err != nil {
		return fmt.Errorf("close data directory to others: %w", err)
	}
	var err error
	if e.lock, err = lockDir(e.dir); err != nil {
		return err
	}
	if e.quarantined, err = preflight(e.dir, time.Now(), e.log); err != nil {
		return err
	}
	crashpoint.Hit("boot.after_preflight")
	if e.opts, err = serverOptions(cfg); err != nil {
		return err
	}
	if cfg.Listen != "" {
		if e.tokens, err = openTokens(e.dir); err != nil {
			return err
		}
		e.opts.CustomClientAuthentication = e.tokens
	}
	return e.run()
}

func serverOptions(cfg Config) (server.Options, error) {
	opts := server.Options{
		ServerName:             "ripcord",
		DontListen:             cfg.Listen == "",
		NoSigs:                 true,
		MaxPayload:             512 << 10,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               cfg.Dir, // the server puts storeDir under it
		SyncAlways:             true,
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      cfg.MaxBytes + journalBytes + deadLetterBytes + canaryBytes + spareBytes,
	}
	if cfg.Listen == "" {
		return opts, nil
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return opts, fmt.Errorf("read listen address %q: %w", cfg.Listen, err)
	}
	if opts.Port, err = strconv.Atoi(port); err != nil || opts.Port < 0 || opts.Port > 65535 {
		return opts, fmt.Errorf("read listen address %q: the port is not a number up to 65535", cfg.Listen)
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	if opts.Host = host; host == "" {
		opts.Host = "127.0.0.1"
	}
	return opts, nil
}

// run starts a server with e.opts. Later ones listen on the port of the first.
func (e *embedded) run() error {
	opts := e.opts
	s, err := server.NewServer(&opts)
	if err != nil {
		return fmt.Errorf("start embedded NATS server: %w", err)
	}
	adapter := &serverLog{log: e.log.With().Str("part", "nats").Logger()}
	s.SetLogger(adapter, false, false)
	s.Start()
	if !started(s, adapter) {
		s.Shutdown()
		s.WaitForShutdown()
		return fmt.Errorf("start embedded NATS server on %s: %w", e.dir, adapter.reason())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		s.Shutdown()
		s.WaitForShutdown()
		return errors.New("start embedded NATS server: it has been closed")
	}
	e.server = s
	if addr, ok := s.Addr().(*net.TCPAddr); ok {
		e.opts.Port = addr.Port
	}
	return nil
}

// started waits until the server takes connections, or has given up.
func started(s *server.Server, log *serverLog) bool {
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline) && !log.fatal(); {
		if s.ReadyForConnections(100 * time.Millisecond) {
			return !log.fatal() && s.JetStreamEnabled()
		}
	}
	return false
}

// InProcessConn is a connection to the server of now; the client asks for it at
// every reconnect.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server == nil {
		return nil, errors.New("the embedded NATS server is not running")
	}
	return e.server.InProcessConn()
}

func (e *embedded) connect(log zerolog.Logger) (*nats.Conn, error) {
	opts := append(options(log), nats.InProcessServer(e), nats.Token(e.tokens.full),
		nats.ReconnectWait(50*time.Millisecond), nats.ReconnectJitter(10*time.Millisecond, 0))
	conn, err := nats.Connect("", opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded NATS server: %w", err)
	}
	return conn, nil
}

// restart replaces the server by a new one on the same directory.
func (e *embedded) restart() error {
	e.stop()
	if _, err := preflight(e.dir, time.Now(), e.log); err != nil {
		return err
	}
	return e.run()
}

// stop ends the server and waits until its files are closed.
func (e *embedded) stop() {
	e.mu.Lock()
	s := e.server
	e.server = nil
	e.mu.Unlock()
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// health is nil when every stream on the server can be written; the canary shows
// only its own. It is nil for a server that is somebody else's.
func (e *embedded) health() error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	s := e.server
	e.mu.Unlock()
	if s == nil {
		return errors.New("the embedded NATS server is not running")
	}
	if health := s.Healthz(nil); health.Status != "ok" {
		return errors.New(health.Error)
	}
	return nil
}

func (e *embedded) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.stop()
	if e.lock != nil {
		_ = e.lock.Close() // gives the lock free
	}
}

func (e *embedded) url() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server == nil || e.opts.DontListen {
		return ""
	}
	return e.server.ClientURL()
}

// lockDir takes the directory for this process until the file is closed. The
// kernel gives the lock free when the process dies, however it dies.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "ripcord.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		_ = f.Truncate(0)
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
		return f, nil
	}
	defer f.Close()
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	holder, _ := os.ReadFile(path)
	return nil, fmt.Errorf("the data directory %s is in use by another ripcord (process %s): stop that one or use another directory",
		dir, strings.TrimSpace(string(holder)))
}
