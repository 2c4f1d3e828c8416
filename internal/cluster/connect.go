package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// oldestServer is the first version without the losses that the journal cannot
// live with.
var oldestServer = [3]int{2, 15, 2}

// checkVersion refuses servers older than oldestServer.
func checkVersion(version string) error {
	core, _, _ := strings.Cut(version, "-")
	parts := strings.Split(core, ".")
	for i, least := range oldestServer {
		n := 0
		if i < len(parts) {
			n, _ = strconv.Atoi(parts[i])
		}
		if n > least {
			return nil
		}
		if n < least {
			return fmt.Errorf("the NATS server is version %q, at least %d.%d.%d is needed: older ones can lose acknowledged messages",
				version, oldestServer[0], oldestServer[1], oldestServer[2])
		}
	}
	return nil
}

// options are those of every connection: it is never given up, and while it is
// down a publish fails instead of being kept.
func options(log zerolog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name("ripcord@" + hostname()),
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn().Err(err).Msg("the connection to NATS is lost")
			}
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			log.Warn().Str("server", conn.ConnectedServerName()).Msg("the connection to NATS is back")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn().Err(err).Msg("NATS reports an error")
		}),
	}
}

// dial connects to the servers that cfg names.
func dial(ctx context.Context, cfg Config) (*nats.Conn, error) {
	opts := append(options(cfg.Logger), nats.ReconnectWait(500*time.Millisecond), nats.Timeout(timeLeft(ctx)))
	credentials, err := credentials(cfg)
	if err != nil {
		return nil, err
	}
	conn, err := nats.Connect(cfg.URL, append(opts, credentials...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", redacted(cfg.URL), err)
	}
	return conn, nil
}

// timeLeft is the time that ctx gives, at most patience.
func timeLeft(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(min(time.Until(deadline), patience), time.Millisecond)
	}
	return patience
}

func credentials(cfg Config) ([]nats.Option, error) {
	var opts []nats.Option
	if cfg.CredsFile != "" {
		opts = append(opts, nats.UserCredentials(cfg.CredsFile))
	}
	if cfg.NKeyFile != "" {
		nkey, err := nats.NkeyOptionFromSeed(cfg.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("read nkey file %s: %w", cfg.NKeyFile, err)
		}
		opts = append(opts, nkey)
	}
	if cfg.Token != nil {
		if _, err := cfg.Token(); err != nil {
			return nil, err
		}
		opts = append(opts, nats.TokenHandler(func() string {
			token, err := cfg.Token()
			if err != nil {
				cfg.Logger.Error().Err(err).Msg("the NATS token cannot be read")
			}
			return token
		}))
	}
	if cfg.CAFile != "" {
		opts = append(opts, nats.RootCAs(cfg.CAFile))
	}
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return nil, errors.New("a client certificate needs both its certificate file and its key file")
	}
	if cfg.CertFile != "" {
		opts = append(opts, nats.ClientCert(cfg.CertFile, cfg.KeyFile))
	}
	return opts, nil
}

func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read token file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("read token file %s: it is empty", path)
	}
	return token, nil
}

// redacted is a list of URLs without what stands before an @.
func redacted(urls string) string {
	parts := strings.Split(urls, ",")
	for i, u := range parts {
		scheme, rest, found := strings.Cut(u, "://")
		if !found {
			scheme, rest = "nats", u
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = "<redacted>" + rest[at:]
		}
		parts[i] = scheme + "://" + rest
	}
	return strings.Join(parts, ",")
}
