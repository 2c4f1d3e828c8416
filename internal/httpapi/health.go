package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

func (a *api) healthy(w http.ResponseWriter, _ *http.Request) error {
	return writeText(w, http.StatusOK, "ripcord is healthy\n")
}

// ready answers 503 when there is a reason that is no Warning, and always with
// all reasons, one a line.
func (a *api) ready(w http.ResponseWriter, _ *http.Request) error {
	var reasons []error
	if a.Ready != nil {
		reasons = a.Ready()
	}
	status, text := http.StatusOK, "ripcord is ready\n"
	var lines strings.Builder
	for _, reason := range reasons {
		var warning Warning
		if errors.As(reason, &warning) {
			fmt.Fprintf(&lines, "warning: %s\n", reason)
			continue
		}
		status, text = http.StatusServiceUnavailable, "ripcord is not ready\n"
		fmt.Fprintf(&lines, "%s\n", reason)
	}
	return writeText(w, status, text+lines.String())
}

// reload reads the files anew. What is wrong with them is shown; the last good
// ones stay.
func (a *api) reload(w http.ResponseWriter, r *http.Request) error {
	if a.Reload == nil {
		return problem(http.StatusNotFound, "this daemon can not reload", "")
	}
	if err := a.Reload(r.Context()); err != nil {
		a.told(r).Err(err).Msg("reload")
		return problem(http.StatusInternalServerError, "not reloaded, the last good files stay: "+err.Error(), "ripcord check shows the same")
	}
	a.told(r).Msg("reload")
	return writeText(w, http.StatusOK, "reloaded\n")
}

func writeText(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write([]byte(text))
	return err
}
