package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// guard decides which addresses may be dialled. It judges the resolved address at
// the moment of the connection, so that no name, spelling or second answer of a
// resolver gets round it.
type guard struct {
	nets     []netip.Prefix  // allowed, whatever they are
	hosts    map[string]bool // names that may resolve to private and loopback addresses
	plain    bool            // plain http: never to a public address
	timeout  time.Duration   // of a connection's whole life
	resolver *net.Resolver   // nil: the system's
}

// refusal is the guard's own error: the address was never connected to.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// allow reads allow_private: addresses, networks and host names.
func (g *guard) allow(entries []string) error {
	g.hosts = make(map[string]bool)
	var errs []error
	for _, entry := range entries {
		if addr, err := netip.ParseAddr(entry); err == nil {
			addr = addr.Unmap().WithZone("")
			g.nets = append(g.nets, netip.PrefixFrom(addr, addr.BitLen()))
		} else if net, err := netip.ParsePrefix(entry); err == nil {
			g.nets = append(g.nets, net.Masked())
		} else if host := strings.ToLower(strings.TrimSuffix(entry, ".")); isName(host) {
			g.hosts[host] = true
		} else {
			errs = append(errs, fmt.Errorf("allow_private %q is no address, network or host name", entry))
		}
	}
	return errors.Join(errs...)
}

// isName refuses what a resolver could take for an address in another spelling.
func isName(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && (last[0] < '0' || last[0] > '9') && !strings.ContainsAny(host, "*/:@[] \t")
}

// dial connects to a host that the guard lets through. The connection ends by
// itself after the timeout, also where no context reaches.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{
		Timeout: g.timeout, Resolver: g.resolver,
		Control: func(_, resolved string, _ syscall.RawConn) error { return g.control(host, resolved) },
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(g.timeout))
}

func (g *guard) control(host, resolved string) error {
	addr, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return &refusal{fmt.Sprintf("%s resolved to %q, which is no address", host, resolved)}
	}
	return g.check(host, addr.Addr())
}

// check judges one resolved address of a host.
func (g *guard) check(host string, addr netip.Addr) error {
	addr = unwrap(addr)
	scope := scopeOf(addr)
	for _, net := range g.nets {
		if net.Contains(addr) && (scope != metadata || net.IsSingleIP()) {
			return nil
		}
	}
	named := g.hosts[strings.ToLower(strings.TrimSuffix(host, "."))]
	switch {
	case named && (scope == private || scope == loopback):
		return nil
	case scope != public:
		return &refusal{fmt.Sprintf("%s is %s (%s): not dialled, since allow_private does not list it", host, addr, scope)}
	case g.plain:
		return &refusal{fmt.Sprintf("%s is %s, a public address: not dialled with plain http, use https", host, addr)}
	}
	return nil
}

// literal judges a URL's host when it is an address: that is wrong in the
// settings already.
func (g *guard) literal(host string) error {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return nil // a name: judged when it is dialled
	}
	return g.check(host, addr)
}

// scope is what an address is for.
type scope string

const (
	public   scope = "public"
	private  scope = "private"
	loopback scope = "loopback"
	metadata scope = "cloud metadata"
	reserved scope = "reserved"
)

// special are the ranges beside those that netip knows, the narrow ones first.
var special = []struct {
	net   netip.Prefix
	scope scope
}{
	{netip.MustParsePrefix("169.254.169.254/32"), metadata},
	{netip.MustParsePrefix("169.254.170.2/32"), metadata},
	{netip.MustParsePrefix("100.100.100.200/32"), metadata},
	{netip.MustParsePrefix("fd00:ec2::254/128"), metadata},
	{netip.MustParsePrefix("::1/128"), loopback},
	{netip.MustParsePrefix("0.0.0.0/8"), reserved},
	{netip.MustParsePrefix("100.64.0.0/10"), private}, // carrier-grade NAT
	{netip.MustParsePrefix("192.0.0.0/24"), reserved},
	{netip.MustParsePrefix("192.0.2.0/24"), reserved},
	{netip.MustParsePrefix("192.88.99.0/24"), reserved},
	{netip.MustParsePrefix("198.18.0.0/15"), private}, // benchmarks
	{netip.MustParsePrefix("198.51.100.0/24"), reserved},
	{netip.MustParsePrefix("203.0.113.0/24"), reserved},
	{netip.MustParsePrefix("240.0.0.0/4"), reserved},
	{netip.MustParsePrefix("::/96"), reserved}, // IPv4-compatible
	{netip.MustParsePrefix("64:ff9b:1::/48"), private},
	{netip.MustParsePrefix("100::/64"), reserved},
	{netip.MustParsePrefix("2001::/32"), reserved}, // Teredo: leads to any IPv4 address
	{netip.MustParsePrefix("2001:db8::/32"), reserved},
	{netip.MustParsePrefix("2002::/16"), reserved}, // 6to4: likewise
	{netip.MustParsePrefix("fec0::/10"), private},
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func scopeOf(addr netip.Addr) scope {
	for _, s := range special {
		if s.net.Contains(addr) {
			return s.scope
		}
	}
	switch {
	case addr.IsLoopback():
		return loopback
	case addr.IsPrivate():
		return private
	case !addr.IsGlobalUnicast():
		return reserved // link-local, multicast, unspecified, broadcast
	}
	return public
}

// unwrap gives the IPv4 address that an IPv6 address stands for, mapped or behind
// NAT64.
func unwrap(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if nat64.Contains(addr) {
		b := addr.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return addr
}
