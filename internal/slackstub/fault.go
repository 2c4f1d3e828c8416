package slackstub

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Fault is something that goes wrong with the next calls of a method.
type Fault struct {
	Method string // such as chat.postMessage; empty means any
	Times  int    // how many calls; 0 means one
	// Status answers with an HTTP status: 429, 500, 503. RetryAfter goes with it.
	Status     int
	RetryAfter time.Duration
	// Error answers with one of Slack's error words, such as invalid_auth.
	Error string
	// Delay answers late.
	Delay time.Duration
	// DropReply does what was asked, then breaks the connection (or answers with
	// Status, when there is one).
	DropReply bool
}

// Fail lets the next calls go wrong, after those that are to go wrong already.
func (s *Server) Fail(f Fault) {
	f.Times = max(f.Times, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// fault takes the first fault that is due for a method.
func (s *Server) fault(method string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Method != "" && f.Method != method {
			continue
		}
		s.faults[i].Times--
		if s.faults[i].Times == 0 {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		}
		return f
	}
	return Fault{}
}

func (f Fault) wait(ctx context.Context) {
	if f.Delay == 0 {
		return
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// refuse answers with the fault's status, as Slack's edge does: no JSON.
func (f Fault) refuse(w http.ResponseWriter) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
	http.Error(w, "<html>"+http.StatusText(f.Status)+"</html>", f.Status)
}
