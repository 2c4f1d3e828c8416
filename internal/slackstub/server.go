// Package slackstub is a stand-in for Slack on loopback, for the demo and the
// tests. It speaks the real protocol as far as an approval needs it: the Web API
// methods of chat, conversations, auth and user groups, form and JSON bodies,
// tokens, Block Kit's limits, message metadata, rate limits, and signed button
// clicks. It keeps what it was told in order, so that a test can ask what people
// would have seen.
package slackstub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options says whom the stand-in plays. Zero fields take the values of a small
// workspace.
type Options struct {
	Token         string // the bot token it accepts; "xoxb-stub" by default
	SigningSecret string // with which it signs clicks; "stub-signing-secret" by default
	Team, AppID   string // T1 and A1 by default
	// Channels are the ones that exist; none means that every channel does.
	Channels []string
	// Groups are the members of user groups, by group id.
	Groups map[string][]string
	// Interactivity is where clicks are sent; see SetInteractivity.
	Interactivity string
	// Viewer, when set, may click the buttons of the page at /messages.
	Viewer User
	// Client sends the clicks; nil means one with Slack's three seconds.
	Client *http.Client
}

// User is a person in Slack.
type User struct{ ID, Name, Team string }

// Message is one message as the channel shows it now.
type Message struct {
	Channel  string          `json:"channel"`
	TS       string          `json:"ts"`
	ThreadTS string          `json:"thread_ts,omitempty"`
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Posted   time.Time       `json:"posted"`
	Edited   time.Time       `json:"edited,omitzero"`
	Edits    int             `json:"edits,omitempty"`
	// For is the only user who sees it, when it is ephemeral.
	For string `json:"for,omitempty"`
}

// Call is one request that the Web API answered.
type Call struct {
	At     time.Time
	Method string
	Args   map[string]string // without the token
	Error  string            // Slack's error, or the fault; empty when all was well
}

// Server is the stand-in. It may be used by several goroutines.
type Server struct {
	opts Options
	mux  *http.ServeMux
	http *http.Server
	url  string

	mu         sync.Mutex
	messages   []Message
	ephemerals []Message
	calls      []Call
	faults     []Fault
	hooks      map[string]hook
	last       int64         // microseconds of the last ts
	changed    chan struct{} // closed at every change
}

// New makes a stand-in that does not listen yet.
func New(opts Options) *Server {
	orElse(&opts.Token, "xoxb-stub")
	orElse(&opts.SigningSecret, "stub-signing-secret")
	orElse(&opts.Team, "T1")
	orElse(&opts.AppID, "A1")
	if opts.Client == nil {
		opts.Client = &http.Client{Timeout: 3 * time.Second}
	}
	s := &Server{opts: opts, mux: http.NewServeMux(), changed: make(chan struct{}), hooks: make(map[string]hook), url: "http://slack.stub"}
	s.mux.HandleFunc("/api/{method}", s.serveAPI)
	s.mux.HandleFunc("POST /actions/{id}", s.serveHook)
	s.mux.HandleFunc("GET /messages", s.servePage)
	s.mux.HandleFunc("POST /messages/click", s.serveClick)
	return s
}

func orElse(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// Start listens on a free port of loopback and returns the address of the Web
// API, as api_url in ripcord.yml wants it.
func (s *Server) Start() (apiURL string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for the Slack stand-in: %w", err)
	}
	s.url = "http://" + l.Addr().String()
	s.http = &http.Server{Handler: s.mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("serve the Slack stand-in: %v", err)) // loopback does not go away
		}
	}()
	return s.APIURL(), nil
}

// Close ends Start's listener and every connection.
func (s *Server) Close() error {
	s.opts.Client.CloseIdleConnections()
	if s.http == nil {
		return nil
	}
	return s.http.Close()
}

// Handler serves the Web API under /api/, response URLs and the page, for use
// without a listener.
func (s *Server) Handler() http.Handler { return s.mux }

// APIURL is the address of the Web API, with its slash.
func (s *Server) APIURL() string { return s.url + "/api/" }

// PageURL shows the channels as a web page.
func (s *Server) PageURL() string { return s.url + "/messages" }

// SetInteractivity says where clicks are sent.
func (s *Server) SetInteractivity(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.Interactivity = url
}

// Messages are all messages as they are shown now, in the order of posting.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Ephemerals are the messages that only one person was shown, in order.
func (s *Server) Ephemerals() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ephemerals)
}

// Calls are all requests to the Web API, in the order of their answers.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// WaitMessage waits until a message satisfies want and returns the first that
// does. It returns ctx's error when there is none in time.
func (s *Server) WaitMessage(ctx context.Context, want func(Message) bool) (Message, error) {
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.messages, want)
		if i >= 0 {
			m := s.messages[i]
			s.mu.Unlock()
			return m, nil
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("wait for a message: %w", ctx.Err())
		}
	}
}

// signal wakes the waiters; the caller holds the lock.
func (s *Server) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// stamp allocates the next message ts; the caller holds the lock.
func (s *Server) stamp() string {
	s.last = max(s.last+1, time.Now().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.last/1e6, s.last%1e6)
}
