// Package archtest keeps the floors of the house: imports point down only. Each
// rule says why it stands.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ripcord-dev/ripcord/"

// floors are the packages by height; the first prefix that matches counts, and one
// that ends in a slash means only what is below it. An
// import must lead to a lower floor, or be listed in sideways.
var floors = []struct {
	prefix string
	floor  int
}{
	{"cmd/", 5},
	{"internal/cli", 4},
	{"internal/app", 4},
	{"internal/demo", 4},
	{"internal/realtest", 4},
	{"internal/diag", -2},       // the voice of everything that reads files
	{"internal/crashpoint", -2}, // empty but for the crash tests
	{"internal/incident", 1},
	{"internal/streams", 2}, // how streams of NATS are made; used by its adapters
	{"internal/notify/slack", 3},
	{"internal/notify/notifytest", 2},
	{"internal/notify", 1},
	{"internal/journal/natsjournal", 3},
	{"internal/journal", 2},
	{"internal/engine", 2},
	{"internal/", 3},
	{"rules/stat", -1},
	{"rules/window", -1},
	{"rules/ruletest", 2},
	{"rules", 0},
	{"triggers/", 3},
	{"triggers", 0},
	{"actions/actionstest", 2},
	{"actions/internal", 2}, // HTTP as the kinds speak it
	{"actions/", 3},
	{"actions", 0},
	{"examples", 3},
}

// sideways are the arrows within one floor that the house wants, with the reason.
var sideways = map[string]string{
	"rules > triggers":                                "the one arrow on the ground: rules read events",
	"internal/notify > internal/incident":             "a message is made from an incident",
	"internal/engine > internal/journal":              "the loop writes what it decides",
	"internal/journal/journaltest > internal/journal": "the suite of the interface",
	"internal/httpapi > internal/httpapi/client":      "one package of wire types",
	"internal/cli > internal/app":                     "run is a command",
	"internal/cli > internal/demo":                    "demo is a command",
}

// forbidden are packages that the pure floors never import, with the reason.
var forbidden = map[string]string{
	"os":       "floors 0 and 1 do no I/O",
	"net":      "floors 0 and 1 do no I/O",
	"net/http": "floors 0 and 1 do no I/O",
	"log":      "results carry their reason; logging is the caller's",
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		from, ok := floorOf(name)
		if !ok {
			t.Errorf("%s stands on no floor: give it one in archtest", name)
			continue
		}
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				if why, bad := forbidden[imported]; bad && from <= 1 && name != "internal/crashpoint" {
					t.Errorf("%s imports %s: %s", name, imported, why)
				}
				continue
			}
			to := strings.TrimPrefix(imported, module)
			height, _ := floorOf(to)
			if height >= from && sideways[name+" > "+to] == "" {
				t.Errorf("%s (floor %d) imports %s (floor %d): imports point down only", name, from, to, height)
			}
		}
	}
}

// The ground floor keeps to the standard library and a short list.
func TestGroundFloorKeepsToItsLibraries(t *testing.T) {
	allowed := []string{
		"github.com/prometheus/common/model", "go.yaml.in/yaml/v4", "github.com/expr-lang/expr",
		"github.com/DataDog/sketches-go", "github.com/axiomhq/hyperloglog", "gonum.org/v1/gonum", module,
	}
	for _, p := range packages(t) {
		floor, _ := floorOf(strings.TrimPrefix(p.ImportPath, module))
		if floor > 0 || floor == -2 {
			continue
		}
		for _, imported := range p.Imports {
			standard := !strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
			listed := slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(imported, a) })
			if !standard && !listed {
				t.Errorf("%s imports %s: the ground floor keeps to %v", p.ImportPath, imported, allowed)
			}
		}
	}
}

func floorOf(name string) (int, bool) {
	for _, f := range floors {
		below := strings.HasSuffix(f.prefix, "/")
		if !below && name == f.prefix || strings.HasPrefix(name, strings.TrimSuffix(f.prefix, "/")+"/") {
			return f.floor, true
		}
	}
	return 0, false
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
