package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/actions/actionstest"
)

// fake is somebody else's server: it speaks the wire protocol by its own maps and
// records every request and every effective mutation.
type fake struct {
	*httptest.Server
	mu       sync.Mutex
	versions []string
	live     string
	requests []recorded
	effects  int
	status   int           // refuse executes with it, when set
	hang     chan struct{} // after an effect the answer waits for it
}

type recorded struct {
	verb   string
	header http.Header
	body   map[string]any
}

func newFake(t *testing.T, versions ...string) *fake {
	t.Helper()
	f := &fake{versions: versions, live: versions[len(versions)-1]}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

type object = map[string]any

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var body object
	if err := json.Unmarshal(raw, &body); err != nil {
		answer(w, http.StatusBadRequest, object{"code": "permanent", "text": err.Error()})
		return
	}
	verb := strings.TrimPrefix(r.URL.Path, "/hook/")
	f.mu.Lock()
	f.requests = append(f.requests, recorded{verb, r.Header.Clone(), body})
	status, reply := f.serve(verb, body)
	hang := f.hang
	f.mu.Unlock()
	if verb == "execute" && hang != nil {
		<-hang
	}
	answer(w, status, reply)
}

func answer(w http.ResponseWriter, status int, body any) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "7")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (f *fake) serve(verb string, body object) (int, any) {
	switch verb {
	case "look":
		var earlier []object
		for _, v := range slices.Backward(f.versions) {
			if v < f.live {
				earlier = append(earlier, object{"version": v, "revision": rev(v)})
			}
		}
		return http.StatusOK, object{"live": object{"version": f.live, "revision": rev(f.live)}, "earlier": earlier}
	case "plan":
		return f.plan(body)
	case "execute":
		return f.execute(body["step"].(object))
	case "verify":
		return http.StatusOK, object{"verdict": f.verdict(body["step"].(object)), "seen": rev(f.live)}
	}
	return http.StatusNotFound, object{}
}

func rev(version string) object { return object{"rev": version, "digest": "d-" + version} }

func (f *fake) plan(body object) (int, any) {
	to, _ := body["to"].(string)
	known, _ := body["to_rev"].(object)
	if !slices.Contains(f.versions, to) || known != nil && known["rev"] != to {
		return http.StatusUnprocessableEntity, object{"code": "permanent", "text": "no such version: there are " + strings.Join(f.versions, ", ")}
	}
	return http.StatusOK, object{"v": 1, "steps": []object{{
		"kind": "canary", "place": "fake/model", "from": rev(f.live), "to": rev(to), "class": "B", "eta": time.Now().UnixNano() % 1000,
	}}}
}

func revOf(step object, side string) string { return step[side].(object)["rev"].(string) }

func (f *fake) verdict(step object) string {
	switch f.live {
	case revOf(step, "to"):
		return "at_to"
	case revOf(step, "from"):
		return "at_from"
	}
	return "elsewhere"
}

func (f *fake) execute(step object) (int, any) {
	if f.status != 0 {
		return f.status, object{}
	}
	to := revOf(step, "to")
	switch f.verdict(step) {
	case "elsewhere":
		return http.StatusConflict, object{"code": "drift", "text": "live is " + f.live}
	case "at_from":
		if !slices.Contains(f.versions, to) {
			return http.StatusUnprocessableEntity, object{"code": "permanent", "text": to + " is gone"}
		}
		f.live = to
		f.effects++
	}
	return http.StatusAccepted, object{"accepted": true}
}

// sent are the requests of one verb.
func (f *fake) sent(verb string) []recorded {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []recorded
	for _, r := range f.requests {
		if r.verb == verb {
			found = append(found, r)
		}
	}
	return found
}

func (f *fake) with(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fake) refuse(status int) func(*testing.T) func() {
	return func(*testing.T) func() {
		f.with(func() { f.status = status })
		return func() { f.with(func() { f.status = 0 }) }
	}
}

func (f *fake) stall(t *testing.T) func() {
	t.Helper()
	release := make(chan struct{})
	f.with(func() { f.hang = release })
	heal := sync.OnceFunc(func() {
		f.with(func() { f.hang = nil })
		close(release)
	})
	t.Cleanup(heal)
	return heal
}

func (f *fake) bench() actionstest.Bench {
	return actionstest.Bench{
		Open: func(t *testing.T) actions.Action { t.Helper(); return open(t, f.URL+"/hook", "") },
		Add:  func(_ *testing.T, version string) { f.with(func() { f.versions = append(f.versions, version) }) },
		Remove: func(_ *testing.T, version string) {
			f.with(func() { f.versions = slices.DeleteFunc(f.versions, func(v string) bool { return v == version }) })
		},
		Set:     func(_ *testing.T, version string) { f.with(func() { f.live = version; f.effects++ }) },
		Live:    func(*testing.T) (live string) { f.with(func() { live = f.live }); return },
		Effects: func(*testing.T) (n int) { f.with(func() { n = f.effects }); return },
		Hang:    f.stall,
		Deny:    f.refuse(http.StatusForbidden),
		Busy:    f.refuse(http.StatusServiceUnavailable),
	}
}

// open makes a webhook client to a server on loopback.
func open(t *testing.T, url, more string) *Client {
	t.Helper()
	a, err := NewWebhook(configured(t, t.TempDir(), fmt.Sprintf("url: %s\nallow_private: [127.0.0.1]\n%s", url, more)))
	if err != nil {
		t.Fatal(err)
	}
	return a.(*Client)
}

func configured(t *testing.T, dir, text string) actions.Settings {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return actions.NewSettings(doc.Content[0], dir)
}
