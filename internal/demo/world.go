package demo

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"text/template"

	"github.com/ripcord-dev/ripcord/examples"
)

// World is everything that the story needs on disk and on loopback: releases, the
// link, the daemon's files. A reader can open all of it.
type World struct {
	Dir      string // holds everything; is made anew
	Mode     string // approve or auto
	WebAddr  string // of the daemon
	NATSAddr string // of its embedded server
	Scorer   string // base URL of the scoring service
	Slack    SlackPlace
}

// SlackPlace is where messages go.
type SlackPlace struct {
	APIURL  string // empty: the real one
	Channel string
	Team    string
	User    string // who may approve
	Real    bool
}

// Target is the name of the story's target.
const Target = "fraud-scorer"

// marker tells a directory that the demo made, and may make anew.
const marker = ".ripcord-demo"

var configTemplate = template.Must(template.New("ripcord.yml").Parse(`# Written by ripcord demo: the daemon runs with this file.
data: {dir: data, listen: {{ .NATSAddr }}, min_free: 64MiB}
web: {listen: {{ .WebAddr }}}

people:
  ana: {slack: {{ .Slack.Team }}/{{ .Slack.User }}, groups: [ml-oncall]}

rule_sources:
- {path: fraud-scorer.rules.yml, team: fraud, targets: [fraud-*], max_mode: auto}

targets:
  fraud-scorer:
    mode: {{ .Mode }}                        # the ceiling for its rules
    approve: {from: [group:ml-oncall], quorum: 1, expires: 15m}
    attribution: {within: 72h}
    stages:
    - name: release
      verify: {stable: 3s, within: 1m}
      steps:
      - kind: files/link
        link: current                        # -> releases/<version>
        releases: releases
        reload: {url: {{ .Scorer }}/reload}
        served: {url: {{ .Scorer }}/version, json: version}

# Production has 1h here; the story has no hour.
guards: {cooldown: 30m, per_target: 2/24h, fleet: 5/10m, max_event_age: 2m, known_good_after: 5s}

notify:
- kind: slack
  channel: {{ .Slack.Channel }}
  bot_token_env: SLACK_BOT_TOKEN
  signing_secret_env: SLACK_SIGNING_SECRET
{{- if .Slack.APIURL }}
  api_url: {{ .Slack.APIURL }}               # a stand-in on this machine
{{- end }}

log: {level: info, format: console}
`))

// Write makes the directory anew. It refuses one that it did not make.
func (w World) Write() error {
	if err := w.clear(); err != nil {
		return err
	}
	if err := w.Deploy(modelV41); err != nil {
		return err
	}
	rules, err := examples.Files.ReadFile("fraud-scorer/fraud-scorer.rules.yml")
	if err != nil {
		return fmt.Errorf("read the example's rules: %w", err)
	}
	var config bytes.Buffer
	if err := configTemplate.Execute(&config, w); err != nil {
		return fmt.Errorf("write ripcord.yml: %w", err)
	}
	for name, data := range map[string][]byte{"fraud-scorer.rules.yml": rules, "ripcord.yml": config.Bytes()} {
		if err := os.WriteFile(filepath.Join(w.Dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (w World) clear() error {
	entries, err := os.ReadDir(w.Dir)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(w.Dir, marker)); err != nil {
			return fmt.Errorf("%s is not empty and was not made by the demo: name another directory with --dir", w.Dir)
		}
		if err := os.RemoveAll(w.Dir); err != nil {
			return fmt.Errorf("clear the last demo: %w", err)
		}
	}
	if err := os.MkdirAll(w.Dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.Dir, marker), nil, 0o644)
}

// Deploy writes a release directory and lets current point to it, as a deployment
// does: a new link, moved over the old one.
func (w World) Deploy(m Model) error {
	next := filepath.Join(w.Dir, ".next")
	err := errors.Join(
		saveModel(filepath.Join(w.Dir, "releases", m.Version), m),
		os.Symlink(filepath.Join("releases", m.Version), next),
	)
	if err == nil {
		err = os.Rename(next, filepath.Join(w.Dir, "current"))
	}
	if err != nil {
		return fmt.Errorf("deploy %s: %w", m.Version, err)
	}
	return nil
}

// freeAddress is a port on loopback that nobody uses now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// randomSecret is a secret for this run.
func randomSecret() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
