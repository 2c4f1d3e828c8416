package natsjournal_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// proxy stands between a client and its server and loses what it is told to.
type proxy struct {
	listener net.Listener
	server   string

	mu      sync.Mutex
	conns   []net.Conn
	armed   loss
	hit     chan struct{} // closed when the loss has happened
	refused bool
	running sync.WaitGroup
}

// loss is what happens at the next publish to the journal.
type loss int

const (
	nothing loss = iota
	answer       // the publish arrives, nothing comes back on this connection any more
	publish      // the publish does not arrive, nor does anything after it
)

func newProxy(t *testing.T, serverURL string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, server: strings.TrimPrefix(serverURL, "nats://")}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

// jetStream is a client whose way leads through the proxy.
func (p *proxy) jetStream(t *testing.T, token string, opts ...nats.Option) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect("nats://"+p.listener.Addr().String(), append(opts, nats.Token(token), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(time.Millisecond, 0), nats.IgnoreDiscoveredServers())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// arm loses l at the next publish; the answer is closed when it has.
func (p *proxy) arm(l loss) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed, p.hit = l, make(chan struct{})
	return p.hit
}

func (p *proxy) refuse(refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = refused
}

// cut closes every connection, so that the client connects anew.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		p.mu.Lock()
		if err != nil || p.refused {
			_ = client.Close()
			if server != nil {
				_ = server.Close()
			}
			p.mu.Unlock()
			continue
		}
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		deaf := make(chan struct{})
		p.running.Go(func() { p.up(client, server, deaf) })
		p.running.Go(func() { down(server, client, deaf) })
	}
}

// up carries the client's bytes and springs the loss.
func (p *proxy) up(client, server net.Conn, deaf chan struct{}) {
	defer server.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		lost := p.spring(buf[:n])
		if lost == publish {
			close(deaf)
			_, _ = io.Copy(io.Discard, client)
			return
		}
		if lost == answer {
			close(deaf)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) spring(sent []byte) loss {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.armed == nothing || !bytes.Contains(sent, []byte("PUB ripcord.journal.")) {
		return nothing
	}
	lost := p.armed
	p.armed = nothing
	close(p.hit)
	return lost
}

// down carries the server's bytes until the connection goes deaf.
func down(server, client net.Conn, deaf chan struct{}) {
	defer client.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-deaf:
			_, _ = io.Copy(io.Discard, server)
			return
		default:
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}
