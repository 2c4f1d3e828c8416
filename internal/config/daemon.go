package config

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The sections that say how the daemon itself runs.

func (r *reader) data(n *node, d *Data) {
	r.fields(n, "data", fields{
		"dir":       r.path(&d.Dir),
		"listen":    r.storeListen(&d.Listen),
		"max_bytes": r.size(&d.MaxBytes),
		"min_free":  r.size(&d.MinFree),
	})
}

// storeListen allows loopback only: the embedded server knows no users, so that
// whoever reaches it may publish events.
func (r *reader) storeListen(into *string) func(*node) {
	return func(n *node) {
		r.listen(into)(n)
		if *into != "" && !Loopback(*into) {
			r.errorAt(n, "to share it, run a nats-server with users and name it in nats.url", "the embedded NATS server listens on loopback only")
		}
	}
}

func (r *reader) nats(n *node, c *NATS) {
	known := fields{
		"url":        r.natsURL(&c.URL),
		"creds_file": r.path(&c.CredsFile),
		"nkey_file":  r.path(&c.NKeyFile),
		"ca_file":    r.path(&c.CAFile),
		"cert_file":  r.path(&c.CertFile),
		"key_file":   r.path(&c.KeyFile),
		"replicas":   r.replicas(&c.Replicas),
	}
	r.secretFields(known, "token", &c.Token)
	r.fields(n, "nats", known)
	if (c.CertFile == "") != (c.KeyFile == "") {
		r.errorAt(n, "give both, or none", "cert_file and key_file belong together")
	}
	if n.Kind == mapping && valueOf(n, "url") == nil && *c != (NATS{Replicas: c.Replicas}) {
		r.warnAt(n, "add nats.url, or remove the section", "without a url the embedded server is used, and the rest of nats has no effect")
	}
}

func (r *reader) natsURL(into *string) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "a URL")
		if !ok {
			return
		}
		for _, one := range strings.Split(s, ",") {
			if why := badURL(strings.TrimSpace(one), []string{"nats", "tls", "ws", "wss"}); why != "" {
				r.errorAt(n, "such as tls://n1:4222; credentials go into creds_file, nkey_file or token_file", "%s", why)
				return
			}
		}
		*into = s
	}
}

func (r *reader) replicas(into *int) func(*node) {
	return func(n *node) {
		r.integer(into, 1, 5)(n)
		if *into%2 == 0 {
			r.errorAt(n, "1, 3 or 5", "an even number of replicas survives no more than one less")
		}
	}
}

func (r *reader) web(n *node, w *Web) {
	var listen, tokens, allow *node
	r.fields(n, "web", fields{
		"listen":       func(n *node) { listen = n; r.listen(&w.Listen)(n) },
		"external_url": r.link(&w.ExternalURL, "such as https://ripcord.example.com", "http", "https"),
		"tokens_file":  func(n *node) { tokens = n; r.path(&w.TokensFile)(n) },
		"config_file":  r.path(&w.ConfigFile),
		"allow_open":   func(n *node) { allow = n; r.boolean(&w.AllowOpen)(n) },
	})
	switch {
	case listen != nil && !Loopback(w.Listen) && w.TokensFile == "" && !w.AllowOpen:
		r.errorAt(listen, "add tokens_file, or say allow_open: true if everybody who reaches this address may roll back",
			"listening off loopback without tokens leaves the API open to the network")
	case !Loopback(w.Listen) && w.TokensFile == "" && w.ExternalURL == "":
		r.warnAt(listen, "add external_url with the name that clients use", "an open API takes only requests that name this machine or external_url as their host")
	case tokens != nil && allow != nil && w.AllowOpen:
		r.warnAt(allow, "remove it", "with a tokens_file the API is not open: allow_open has no effect")
	}
}

// hostForm is what may stand before the port of an address to listen on.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9.-]*$`)

func (r *reader) listen(into *string) func(*node) {
	return func(n *node) {
		s, ok := r.scalar(n, "an address")
		if !ok {
			return
		}
		host, port, err := net.SplitHostPort(s)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		_, notIP := netip.ParseAddr(host)
		if err != nil || (notIP != nil && !hostForm.MatchString(host)) {
			r.errorAt(n, "such as 127.0.0.1:9413", "%q is not an address of the form host:port", s)
			return
		}
		*into = s
	}
}

// Loopback tells whether an address of the form host:port is reached from this
// machine only. No host means every interface.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (r *reader) guards(n *node, g *Guards) {
	r.fields(n, "guards", fields{
		"cooldown":         r.duration(&g.Cooldown, 0),
		"per_target":       r.rate(&g.PerTarget),
		"fleet":            r.rate(&g.Fleet),
		"max_event_age":    r.duration(&g.MaxEventAge, time.Second),
		"known_good_after": r.duration(&g.KnownGoodAfter, 0),
	})
}

func (r *reader) log(n *node, l *Log) {
	r.fields(n, "log", fields{
		"level":  r.oneOf(&l.Level, "trace", "debug", "info", "warn", "error"),
		"format": r.oneOf(&l.Format, "json", "console"),
	})
}
