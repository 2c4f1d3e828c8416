package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
)

// Scorer is the scoring service: it serves the release that the link points to
// and keeps the release before it warm. A tenth of the payments, chosen by their
// id, goes to the warm one: the holdback arm that tells a bad release from a bad
// day.
type Scorer struct {
	link string

	mu       sync.RWMutex
	live     Model
	holdback Model // zero while there is none
}

// NewScorer loads the release that link points to.
func NewScorer(link string) (*Scorer, error) {
	s := &Scorer{link: link}
	return s, s.Reload()
}

// Reload reads the link again. The release that served before stays warm, unless
// this is the way back to the warm one.
func (s *Scorer) Reload() error {
	dir, err := filepath.EvalSymlinks(s.link)
	if err != nil {
		return fmt.Errorf("read the link: %w", err)
	}
	next, err := loadModel(dir)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch next.Version {
	case s.live.Version:
	case s.holdback.Version: // a step back: what it leaves gets no more traffic
		s.live, s.holdback = next, Model{}
	default:
		s.live, s.holdback = next, s.live
	}
	return nil
}

// Versions are what serves and what is kept warm.
func (s *Scorer) Versions() (live, holdback string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.live.Version, s.holdback.Version
}

// Answer is what the service says about one payment.
type Answer struct {
	Version  string  `json:"version"`
	Decision string  `json:"decision"`
	Score    float64 `json:"score"`
}

func (s *Scorer) score(p Payment) Answer {
	s.mu.RLock()
	m := s.live
	if s.holdback.Version != "" && heldBack(p.ID) {
		m = s.holdback
	}
	s.mu.RUnlock()
	return Answer{Version: m.Version, Decision: m.Decide(p), Score: m.Score(p)}
}

// heldBack picks a tenth of the payments by their id, evenly.
func heldBack(id string) bool {
	sum := 0
	for _, c := range []byte(id) {
		sum = (sum*31 + int(c)) % 1009
	}
	return sum%10 == 0
}

// ServeHTTP answers POST /score, POST /reload and GET /version.
func (s *Scorer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /score":
		var p Payment
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply(w, s.score(p))
	case "POST /reload":
		if err := s.Reload(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fallthrough
	case "GET /version":
		live, holdback := s.Versions()
		reply(w, map[string]string{"version": live, "holdback": holdback})
	default:
		http.NotFound(w, r)
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nobody to tell
}
