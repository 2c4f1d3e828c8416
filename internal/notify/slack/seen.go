package slack

import (
	"sync"
	"time"
)

// seen remembers requests for a while, so that a copy of one is not taken twice.
// Signatures hold for five minutes, in either direction: ten are enough.
type seen struct {
	mu    sync.Mutex
	when  map[string]time.Time
	swept time.Time
}

const remembered = 2 * maxSkew

// first tells whether a key is met for the first time.
func (s *seen) first(key string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) > time.Minute {
		for k, t := range s.when {
			if now.Sub(t) > remembered {
				delete(s.when, k)
			}
		}
		s.swept = now
	}
	if s.when == nil {
		s.when = make(map[string]time.Time)
	}
	if t, ok := s.when[key]; ok && now.Sub(t) <= remembered {
		return false
	}
	s.when[key] = now
	return true
}
