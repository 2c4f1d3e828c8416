//go:build crashpoint

package realtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// execution is one execute request as the oracle saw it.
type execution struct {
	At                 time.Time
	Key, HeaderKey     string
	Attempt            int
	Epoch              uint64
	From, To           string
	Changed, SameAgain bool
}

// oracle is the place that is rolled back, and the record of what was done to it:
// a server outside the product that outlives the daemon's deaths. It speaks the
// wire of docs/ACTIONS.md with code of its own.
type oracle struct {
	class string
	slow  time.Duration // before execute answers, after its effect

	mu      sync.Mutex
	live    string
	log     []execution
	keys    map[string]bool
	changed chan struct{} // closed at the first change
	server  *httptest.Server
}

func newOracle(t *testing.T, live, class string) *oracle {
	o := &oracle{class: class, live: live, keys: make(map[string]bool), changed: make(chan struct{})}
	o.server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(o.server.Close)
	return o
}

type wireRev struct {
	Rev string `json:"rev"`
}

func (o *oracle) serve(w http.ResponseWriter, r *http.Request) {
	var in struct {
		To    string `json:"to"`
		Key   string `json:"key"`
		Step  struct{ From, To wireRev }
		Token struct {
			Epoch uint64 `json:"epoch"`
		} `json:"token"`
		Attempt int `json:"attempt"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var answer any
	switch verb := filepath.Base(r.URL.Path); verb {
	case "look":
		live := o.now()
		answer = map[string]any{"live": map[string]any{"version": live, "revision": wireRev{live}}}
	case "plan":
		answer = map[string]any{"v": 1, "steps": []any{map[string]any{
			"from": wireRev{o.now()}, "to": wireRev{in.To}, "class": o.class, "text": "move the place to " + in.To,
		}}}
	case "execute":
		o.execute(execution{
			At: time.Now(), Key: in.Key, HeaderKey: r.Header.Get("Idempotency-Key"), Attempt: in.Attempt, Epoch: in.Token.Epoch,
			From: in.Step.From.Rev, To: in.Step.To.Rev,
		})
		time.Sleep(o.slow)
		answer = map[string]bool{"accepted": true}
	case "verify":
		live, verdict := o.now(), "elsewhere"
		switch live {
		case in.Step.To.Rev:
			verdict = "at_to"
		case in.Step.From.Rev:
			verdict = "at_from"
		}
		answer = map[string]any{"verdict": verdict, "seen": wireRev{live}}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// execute keeps the key, as class B promises: the second request of one key
// changes nothing. A new key always counts as a mutation, so that two keys for one
// incident would show.
func (o *oracle) execute(e execution) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e.SameAgain = o.keys[e.Key]
	if !e.SameAgain || o.class == "C" {
		o.keys[e.Key] = true
		e.Changed = true
		o.live = e.To
	}
	o.log = append(o.log, e)
	if e.Changed {
		select {
		case <-o.changed:
		default:
			close(o.changed)
		}
	}
}

func (o *oracle) now() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.live
}

func (o *oracle) set(version string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.live = version
}

func (o *oracle) executions() []execution {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]execution(nil), o.log...)
}
