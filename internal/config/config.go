package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/internal/incident"
)

// MaxFile is the largest file that is read, in bytes.
const MaxFile = 256 << 10

// Config is ripcord.yml with its defaults filled in. It is not changed after it
// was read. Paths are joined with the file's directory.
type Config struct {
	// File is the file's name as it was given; relative paths are meant from Dir.
	File, Dir string

	Data        Data
	NATS        NATS
	Web         Web
	People      map[string]Person
	RuleSources []RuleSource
	Sources     []Source
	Targets     map[string]Target
	Guards      Guards
	Notify      []Notifier
	// SwitchFile is the local switch: while a file of that name exists, nothing is
	// rolled back.
	SwitchFile string
	Log        Log
}

// Data is the embedded store. It is used when NATS.URL is empty; Dir also holds
// what is local to this machine.
type Data struct {
	Dir string
	// Listen is where the embedded NATS server listens, on loopback only; empty
	// means that it does not.
	Listen string
	// MaxBytes is all that the streams may take; MinFree is how much must be left
	// on the disk, below which nothing new is taken in.
	MaxBytes, MinFree int64
}

// NATS is the user's own server or cluster.
type NATS struct {
	URL                       string // empty: the embedded server; commas separate several
	CredsFile, NKeyFile       string
	Token                     Secret
	CAFile, CertFile, KeyFile string
	Replicas                  int // of the streams: 1, 3 or 5
}

// Web is the HTTP door.
type Web struct {
	Listen string // host:port
	// ExternalURL is how people reach it; empty when only by Listen.
	ExternalURL string
	// TokensFile holds the bearer tokens; empty leaves the API open, which is
	// refused off loopback unless AllowOpen says so.
	TokensFile string
	ConfigFile string // TLS, in exporter-toolkit's form
	AllowOpen  bool
}

// Person is one entry of people: everything by which a person is known.
type Person struct {
	Slack  string // TEAM/USER; empty when not in Slack
	Groups []string
}

// Guards are the limits for all targets.
type Guards struct {
	Cooldown       time.Duration
	PerTarget      incident.Rate
	Fleet          incident.Rate
	MaxEventAge    time.Duration
	KnownGoodAfter time.Duration
}

// Log is how the daemon logs.
type Log struct {
	Level  string // trace, debug, info, warn, error
	Format string // json, console
}

// Default is the Config of an empty file in dir.
func Default(dir string) *Config {
	return &Config{
		Dir:     dir,
		Data:    Data{Dir: filepath.Join(dir, "data"), MaxBytes: 4 << 30, MinFree: 512 << 20},
		NATS:    NATS{Replicas: 1},
		Web:     Web{Listen: "127.0.0.1:9413"},
		People:  map[string]Person{},
		Targets: map[string]Target{},
		Guards: Guards{
			Cooldown:       30 * time.Minute,
			PerTarget:      incident.Rate{N: 2, Per: 24 * time.Hour},
			Fleet:          incident.Rate{N: 5, Per: 10 * time.Minute},
			MaxEventAge:    2 * time.Minute,
			KnownGoodAfter: time.Hour,
		},
		Log: Log{Level: "info", Format: "json"},
	}
}

// LoadFile reads ripcord.yml. The Config is nil when a problem is an error (see
// Problems.Err); warnings come with a Config.
func LoadFile(path string) (*Config, diag.Problems) {
	data, problems := readFile(path)
	if problems != nil {
		return nil, problems
	}
	return Parse(path, data)
}

// readFile reads at most MaxFile bytes and one more, by which the size is judged.
func readFile(path string) ([]byte, diag.Problems) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, diag.Problems{{File: path, Severity: diag.Error, Message: fmt.Sprintf("read the file: %v", err)}}
	case info.IsDir():
		return nil, diag.Problems{{File: path, Severity: diag.Error, Message: "read the file: it is a directory"}}
	case info.Size() > MaxFile:
		return nil, tooLarge(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, diag.Problems{{File: path, Severity: diag.Error, Message: fmt.Sprintf("read the file: %v", err)}}
	}
	return data, nil
}

func tooLarge(path string) diag.Problems {
	return diag.Problems{{
		File: path, Severity: diag.Error,
		Message: fmt.Sprintf("the file is larger than %d KiB", MaxFile>>10),
		Hint:    "rules live in their own files, see rule_sources",
	}}
}

// Parse reads ripcord.yml from data; name is the file's name in problems, and its
// directory the one that relative paths are meant from. It does no I/O.
func Parse(name string, data []byte) (*Config, diag.Problems) {
	r, root := open(name, data)
	cfg := Default(filepath.Dir(name))
	cfg.File = name
	r.dir = cfg.Dir
	if root != nil {
		r.fields(root, "ripcord.yml", fields{
			"data":         func(n *node) { r.data(n, &cfg.Data) },
			"nats":         func(n *node) { r.nats(n, &cfg.NATS) },
			"web":          func(n *node) { r.web(n, &cfg.Web) },
			"people":       func(n *node) { r.people(n, cfg.People) },
			"rule_sources": func(n *node) { r.ruleSources(n, cfg) },
			"sources":      func(n *node) { r.sources(n, cfg) },
			"targets":      func(n *node) { r.targets(n, cfg) },
			"guards":       func(n *node) { r.guards(n, &cfg.Guards) },
			"notify":       func(n *node) { r.notify(n, cfg) },
			"switch_file":  r.path(&cfg.SwitchFile),
			"log":          func(n *node) { r.log(n, &cfg.Log) },
		})
	}
	r.afterwards()
	if cfg.SwitchFile == "" {
		cfg.SwitchFile = filepath.Join(cfg.Data.Dir, "FREEZE")
	}
	if r.problems.Err() != nil {
		return nil, r.problems
	}
	return cfg, r.problems
}

// TargetNames lists the configured targets, sorted.
func (c *Config) TargetNames() []string { return sortedKeys(c.Targets) }

// KnownTarget tells whether a target of that name is configured.
func (c *Config) KnownTarget(name string) bool {
	_, ok := c.Targets[name]
	return ok
}

// Groups lists the groups that people are in, sorted.
func (c *Config) Groups() []string {
	set := make(map[string]bool)
	for _, p := range c.People {
		for _, g := range p.Groups {
			set[g] = true
		}
	}
	return sortedKeys(set)
}

// Secrets are all secrets that the file names.
func (c *Config) Secrets() []Secret {
	all := []Secret{c.NATS.Token}
	for _, n := range c.Notify {
		all = append(all, n.Slack.BotToken, n.Slack.SigningSecret)
	}
	return slices.DeleteFunc(all, Secret.IsZero)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
