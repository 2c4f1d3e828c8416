package remote

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ripcord-dev/ripcord/actions"
)

func TestGuardJudgesAddresses(t *testing.T) {
	for _, c := range []struct {
		addr, host string
		allow      []string
		plain      bool
		ok         bool
	}{
		{addr: "93.184.216.34", ok: true},
		{addr: "2606:2800:220:1::1", ok: true},
		{addr: "93.184.216.34", plain: true},
		{addr: "93.184.216.34", plain: true, allow: []string{"93.184.216.0/24"}, ok: true},
		{addr: "127.0.0.1"},
		{addr: "127.8.9.10"},
		{addr: "::1"},
		{addr: "::ffff:127.0.0.1"},
		{addr: "::127.0.0.1"},
		{addr: "64:ff9b::7f00:1"},
		{addr: "64:ff9b::5db8:d822", ok: true},
		{addr: "10.1.2.3"},
		{addr: "172.16.0.1"},
		{addr: "172.31.255.255"},
		{addr: "192.168.1.1"},
		{addr: "::ffff:10.0.0.1"},
		{addr: "172.32.0.1", ok: true},
		{addr: "100.64.0.1"},
		{addr: "fd12::1"},
		{addr: "fec0::1"},
		{addr: "169.254.1.1"},
		{addr: "fe80::1"},
		{addr: "fe80::1%eth0"},
		{addr: "0.0.0.0"},
		{addr: "0.1.2.3"},
		{addr: "::"},
		{addr: "224.0.0.1"},
		{addr: "ff02::1"},
		{addr: "255.255.255.255"},
		{addr: "240.0.0.1"},
		{addr: "2002:7f00:1::1"},
		{addr: "2001::1"},

		{addr: "10.1.2.3", allow: []string{"10.0.0.0/8"}, ok: true},
		{addr: "::ffff:10.1.2.3", allow: []string{"10.0.0.0/8"}, ok: true},
		{addr: "10.1.2.3", allow: []string{"10.1.2.3"}, plain: true, ok: true},
		{addr: "10.1.2.4", allow: []string{"10.1.2.3"}},
		{addr: "10.1.2.3", host: "Hook.prod.svc.", allow: []string{"hook.prod.svc"}, ok: true},
		{addr: "10.1.2.3", host: "other.prod.svc", allow: []string{"hook.prod.svc"}},
		{addr: "169.254.1.1", host: "hook.prod.svc", allow: []string{"hook.prod.svc"}},
		{addr: "93.184.216.34", host: "hook.prod.svc", allow: []string{"hook.prod.svc"}, plain: true},

		{addr: "169.254.169.254"},
		{addr: "::ffff:169.254.169.254"},
		{addr: "fd00:ec2::254"},
		{addr: "100.100.100.200"},
		{addr: "169.254.169.254", allow: []string{"0.0.0.0/0"}},
		{addr: "169.254.169.254", host: "meta", allow: []string{"169.254.0.0/16", "meta"}},
		{addr: "169.254.169.254", allow: []string{"169.254.169.254"}, ok: true},
		{addr: "fd00:ec2::254", allow: []string{"fd00::/8"}},
	} {
		g := &guard{plain: c.plain}
		if err := g.allow(c.allow); err != nil {
			t.Fatal(err)
		}
		if err := g.check(c.host, netip.MustParseAddr(c.addr)); (err == nil) != c.ok {
			t.Errorf("%s as %q with %v, plain %v: %v", c.addr, c.host, c.allow, c.plain, err)
		}
	}
}

func TestAllowPrivate(t *testing.T) {
	for _, bad := range []string{"", "*", "*.svc", "http://h", "h:80", "2130706433", "127.1", "10.0.0.0/99", "u@h"} {
		if err := new(guard).allow([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// trap counts every connection that reaches loopback.
func trap(t *testing.T) (port string, connections *atomic.Int32) {
	t.Helper()
	connections = new(atomic.Int32)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"accepted":true}`)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, connections
}

// resolver answers every name with the addresses in turn: a name that changes its
// mind between the check and the connection.
func resolver(addresses ...string) *net.Resolver {
	var turn atomic.Int32
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			var size [2]byte // a pipe is no packet connection: messages carry their length
			for {
				if _, err := server.Read(size[:]); err != nil {
					return
				}
				query := make([]byte, int(size[0])<<8|int(size[1]))
				if _, err := server.Read(query); err != nil {
					return
				}
				packed := dnsReply(query, func() netip.Addr {
					return netip.MustParseAddr(addresses[int(turn.Add(1)-1)%len(addresses)])
				})
				if _, err := server.Write(append([]byte{byte(len(packed) >> 8), byte(len(packed))}, packed...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

func dnsReply(query []byte, next func() netip.Addr) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: next().As4()}}}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func TestForbiddenPlacesAreNeverConnectedTo(t *testing.T) {
	port, connections := trap(t)
	for name, c := range map[string]struct {
		url      string
		resolver *net.Resolver
		atLoad   bool
	}{
		"loopback":                     {url: "http://127.0.0.1:PORT/", atLoad: true},
		"loopback mapped into IPv6":    {url: "http://[::ffff:127.0.0.1]:PORT/", atLoad: true},
		"loopback in hex in IPv6":      {url: "http://[::ffff:7f00:1]:PORT/", atLoad: true},
		"metadata":                     {url: "http://169.254.169.254:PORT/", atLoad: true},
		"loopback by name":             {url: "http://localhost:PORT/"},
		"loopback as a decimal number": {url: "http://2130706433:PORT/"},
		"loopback in hex":              {url: "http://0x7f000001:PORT/"},
		"loopback in octal":            {url: "http://0177.0.0.1:PORT/"},
		"loopback in short":            {url: "http://127.1:PORT/"},
		"a user before the host":       {url: "http://hooks.example.com@127.0.0.1:PORT/", atLoad: true},
		"a name that means loopback":   {url: "http://hooks.example.com:PORT/", resolver: resolver("127.0.0.1")},
		"a name that means zero":       {url: "http://hooks.example.com:PORT/", resolver: resolver("0.0.0.0")},
		"a name that means metadata":   {url: "http://hooks.example.com:PORT/", resolver: resolver("169.254.169.254")},
		"a name that rebinds":          {url: "https://hooks.example.com:PORT/", resolver: resolver("10.0.0.1", "127.0.0.1")},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := newWebhook(configured(t, "", "url: '"+strings.ReplaceAll(c.url, "PORT", port)+"'\ntimeout: 5s\n"), &guard{resolver: c.resolver})
			if c.atLoad {
				if err == nil {
					t.Fatal("the settings are taken")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				err = a.Execute(t.Context(), actions.Step{ID: "s/0"}, attempt())
				if code := actions.CodeOf(err); code != actions.Denied && code != actions.Retry {
					t.Errorf("error %v has code %q", err, code)
				}
			}
			if c.resolver != nil && actions.CodeOf(err) != actions.Denied {
				t.Errorf("error %v is not the guard's", err)
			}
		})
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestTheGuardAlsoDialsTheTokenServer(t *testing.T) {
	port, connections := trap(t)
	dir := t.TempDir()
	writeFile(t, dir, "secret", "hush")
	hook := newFake(t, "v1", "v2")
	more := fmt.Sprintf("oauth2: {client_id: me, client_secret_file: secret, token_url: 'http://127.0.0.2:%s/token'}\n", port)
	a, err := NewWebhook(configured(t, dir, "url: "+hook.URL+"\nallow_private: [127.0.0.1]\n"+more))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Execute(t.Context(), actions.Step{ID: "s/0"}, attempt()); actions.CodeOf(err) != actions.Denied {
		t.Errorf("error %v", err)
	}
	if connections.Load() != 0 || len(hook.sent("execute")) != 0 {
		t.Error("a connection was made")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	port, connections := trap(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:"+port+"/execute", status))
		err := open(t, server.URL, "").Execute(t.Context(), actions.Step{ID: "s/0"}, attempt())
		server.Close()
		if actions.CodeOf(err) != actions.Permanent || !strings.Contains(err.Error(), "redirect") {
			t.Errorf("%d: %v", status, err)
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestTheProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	port, connections := trap(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "http://127.0.0.1:"+port)
	}
	a, err := newWebhook(configured(t, "", "url: http://hooks.example.com/\nallow_private: [hooks.example.com]\n"), &guard{resolver: resolver("127.0.0.9")})
	if err != nil {
		t.Fatal(err)
	}
	err = a.Execute(t.Context(), actions.Step{ID: "s/0"}, attempt())
	if actions.CodeOf(err) != actions.Retry {
		t.Errorf("error %v", err)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections to the proxy", n)
	}
}

func attempt() actions.Attempt {
	return actions.Attempt{
		Incident: "inc-1", Key: "inc-1/s/0", N: 2,
		Token: actions.Fence{Incarnation: "here", Epoch: 3}, Deadline: time.Now().Add(time.Minute),
	}
}
