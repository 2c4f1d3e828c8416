package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
)

// ErrNoDeadLetter says that a dead letter is not there any more.
var ErrNoDeadLetter = errors.New("no such dead letter")

// Warning is a reason of Config.Ready that is told and does not count: the daemon
// does its work, and somebody should look.
type Warning struct{ Text string }

func (w Warning) Error() string { return w.Text }

func kind(name string) string { return "urn:ripcord:problem:" + name }

// problem is an error that the caller sees as it is.
func problem(status int, detail, hint string) *client.Problem {
	return &client.Problem{Type: kind(kindOf[status]), Title: http.StatusText(status), Status: status, Detail: detail, Hint: hint}
}

func invalid(detail, hint string) *client.Problem {
	return problem(http.StatusBadRequest, detail, hint)
}

// kindOf names the type of a problem by its status; the words are those of
// incident.RefusedCode where there is one.
var kindOf = map[int]string{
	http.StatusBadRequest:            string(incident.Invalid),
	http.StatusForbidden:             string(incident.Forbidden),
	http.StatusNotFound:              string(incident.NotFound),
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusConflict:              string(incident.Conflict),
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "media_type",
	http.StatusInternalServerError:   "internal",
	http.StatusServiceUnavailable:    "unavailable",
}

var statusOf = map[incident.RefusedCode]int{
	incident.Conflict:  http.StatusConflict,
	incident.Forbidden: http.StatusForbidden,
	incident.NotFound:  http.StatusNotFound,
	incident.Invalid:   http.StatusBadRequest,
}

// problemOf is what an error says to the caller. The cause of an internal error
// is for the log only.
func (a *api) problemOf(err error) *client.Problem {
	var p *client.Problem
	var refused *incident.Refused
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refused):
		status, ok := statusOf[refused.Code]
		if !ok {
			status = http.StatusBadRequest
		}
		return problem(status, refused.Text, "")
	case errors.Is(err, ErrNoDeadLetter):
		return problem(http.StatusNotFound, err.Error(), "it was requeued, or is older than the stream keeps them")
	case errors.Is(err, journal.ErrUnavailable):
		return problem(http.StatusServiceUnavailable, "not recorded, retry", "the journal can not be reached; /-/ready says more")
	case errors.Is(err, journal.ErrTooNew):
		return problem(http.StatusServiceUnavailable, "not recorded: "+journal.ErrTooNew.Error(), "upgrade this daemon; until then it only reads")
	}
	return problem(http.StatusInternalServerError, "not done: the daemon's log says why", "")
}

func writeProblem(w http.ResponseWriter, p *client.Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the connection is gone; nothing is left to tell
}

// writeJSON answers with a value. It is encoded first, so that an error can still
// be answered.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return err
}
