package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

// endpoint answers one request. An error that it returns is answered for it.
type endpoint func(http.ResponseWriter, *http.Request) error

// route is one line of the API. A path may end in {id}:verb.
type route struct {
	method, path string
	// open routes need no token: health, and those with a signature of their own.
	open  bool
	roles []Role // any of them is enough
	serve endpoint
}

// door is what stands at one pattern of the ServeMux.
type door struct {
	api    *api
	routes []route
}

// mux puts the routes behind doors. A ServeMux can not tell {id}:approve from
// {id}:deny, nor from {id}; routes that differ only in that share a door.
func mux(a *api, routes []route) http.Handler {
	doors := map[string]*door{"/": {api: a}}
	for _, r := range routes {
		pattern := r.path
		if at := strings.Index(pattern, "{id}:"); at >= 0 {
			pattern = pattern[:at+len("{id}")]
		}
		if doors[pattern] == nil {
			doors[pattern] = &door{api: a}
		}
		doors[pattern].routes = append(doors[pattern].routes, r)
	}
	m := http.NewServeMux()
	for pattern, d := range doors {
		m.Handle(pattern, d)
	}
	return m
}

// match finds the route of a request. It sets the path value id to what stands
// before the verb. Without a route, allowed are the methods that the path has.
func (d *door) match(r *http.Request) (found *route, allowed []string) {
	id, verb := r.PathValue("id"), ""
	if before, after, ok := cutLast(id, ":"); ok {
		id, verb = before, after
	}
	for i := range d.routes {
		_, want, _ := strings.Cut(d.routes[i].path, "{id}:")
		if want != verb {
			continue
		}
		if method := d.routes[i].method; method == r.Method || (method == http.MethodGet && r.Method == http.MethodHead) {
			r.SetPathValue("id", id)
			return &d.routes[i], nil
		}
		allowed = append(allowed, d.routes[i].method)
	}
	sort.Strings(allowed)
	return nil, allowed
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// ServeHTTP is the way that every request goes.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := d.api.Now()
	rec := &recorder{ResponseWriter: w}
	found, allowed := d.match(r)
	label := "none"
	if found != nil {
		label = found.path
	}
	defer func() { d.api.metrics.observe(label, rec.status(), d.api.Now().Sub(began)) }()
	secure(rec.Header())
	if err := d.serve(rec, r, found, allowed); err != nil {
		d.api.fail(rec, r, err)
	}
}

func (d *door) serve(w http.ResponseWriter, r *http.Request, found *route, allowed []string) error {
	if found != nil && found.open {
		return found.serve(w, r)
	}
	caller, err := d.api.admit(r)
	if err != nil {
		return err
	}
	switch {
	case found == nil && len(allowed) > 0:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return problem(http.StatusMethodNotAllowed, r.Method+" is not possible here", "allowed: "+strings.Join(allowed, ", "))
	case found == nil:
		return problem(http.StatusNotFound, "there is nothing at this address", "GET /api/v1/openapi.yaml lists all there is")
	case !slices.ContainsFunc(found.roles, caller.May):
		return errForbidden
	}
	return found.serve(w, r.WithContext(withCaller(r.Context(), caller)))
}

// fail answers an error. When the answer has begun already, the connection is
// cut, so that nobody takes the piece for the whole.
func (a *api) fail(w *recorder, r *http.Request, err error) {
	p := a.problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		a.Logger.Error().Err(err).Str("method", r.Method).Str("path", r.URL.Path).Msg("answer a request")
	}
	if w.code != 0 {
		if r.Context().Err() == nil {
			panic(http.ErrAbortHandler)
		}
		return
	}
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="ripcord"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "2")
	}
	writeProblem(w, p)
}

// secure sets the headers that keep browsers from doing more with an answer than
// showing it.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// recorder remembers the status, for metrics and errors.
type recorder struct {
	http.ResponseWriter
	code int
}

func (w *recorder) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets a ResponseController find what it needs.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) status() int {
	if w.code == 0 {
		return http.StatusOK
	}
	return w.code
}

// unlimited lifts the server's time-outs for an answer that takes its time; each
// write must set its own deadline.
func unlimited(w http.ResponseWriter) error {
	rc := http.NewResponseController(w)
	return errors.Join(ignoreUnsupported(rc.SetReadDeadline(time.Time{})), ignoreUnsupported(rc.SetWriteDeadline(time.Time{})))
}

func ignoreUnsupported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

var (
	errUnauthorized = &client.Problem{Type: kind("unauthorized"), Title: "Unauthorized", Status: http.StatusUnauthorized, Detail: "this needs a valid bearer token"}
	errForbidden    = &client.Problem{Type: kind("forbidden"), Title: "Forbidden", Status: http.StatusForbidden, Detail: "the token's roles do not allow this"}
)
