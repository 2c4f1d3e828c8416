package files

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/ripcord-dev/ripcord/actions"
)

func TestSettings(t *testing.T) {
	const ok = "link: current\nreleases: releases\n"
	for name, c := range map[string]struct{ text, want string }{
		"the least":                   {ok, ""},
		"everything of a URL":         {ok + "ignore: ['*.tmp']\nversion_from: {file: VERSION}\nreload: {url: 'http://127.0.0.1:1/r', timeout: 3s, http: {basic_auth: {username: u, password_file: p}}}\nserved: {url: 'http://127.0.0.1:1/v', json: a.b}\n", ""},
		"a pid file alone means HUP":  {ok + "reload: {pid_file: app.pid}\n", ""},
		"a signal by its long name":   {ok + "reload: {pid_file: app.pid, signal: SIGUSR2}\n", ""},
		"nothing":                     {"{}", "link is missing"},
		"no releases":                 {"link: current\n", "releases is missing"},
		"an unknown key":              {ok + "relaod: {}\n", "line 3"},
		"a reload that says nothing":  {ok + "reload: {}\n", "either url, or pid_file"},
		"a reload that says too much": {ok + "reload: {url: 'http://h/', pid_file: app.pid}\n", "either url, or pid_file"},
		"a signal that kills":         {ok + "reload: {pid_file: app.pid, signal: KILL}\n", "KILL"},
		"a URL without a host":        {ok + "reload: {url: '/reload'}\n", "http://"},
		"a URL with a password":       {ok + "reload: {url: 'http://u:secret@h/'}\n", "no user"},
		"a secret in the file":        {ok + "reload: {url: 'http://h/', http: {authorization: {credentials: hush}}}\n", "credentials_file"},
		"a proxy":                     {ok + "reload: {url: 'http://h/', http: {proxy_url: 'http://p/'}}\n", "proxy"},
		"an unknown client key":       {ok + "reload: {url: 'http://h/', http: {basic: {}}}\n", "line 3"},
		"a version file outside":      {ok + "version_from: {file: ../VERSION}\n", "leads out"},
		"a pattern that is none":      {ok + "ignore: ['[']\n", "ignore"},
		"served without a URL":        {ok + "served: {json: version}\n", "served"},
	} {
		t.Run(name, func(t *testing.T) {
			var doc yaml.Node
			if err := yaml.Load([]byte(c.text), &doc); err != nil {
				t.Fatal(err)
			}
			_, err := New(actions.NewSettings(doc.Content[0], t.TempDir()))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "secret@")) {
				t.Errorf("the error prints a secret: %v", err)
			}
		})
	}
}

func TestPick(t *testing.T) {
	for name, c := range map[string]struct{ body, path, want string }{
		"a string":            {`{"version":"v1"}`, "version", "v1"},
		"a nested one":        {`{"a":{"b":"v1"}}`, "a.b", "v1"},
		"a number as written": {`{"version":12345678901234567890}`, "version", "12345678901234567890"},
		"an object is none":   {`{"version":{}}`, "version", ""},
		"a missing one":       {`{}`, "a.b", ""},
		"no object at all":    {`[1]`, "a", ""},
		"no JSON":             {`<html>`, "a", ""},
	} {
		got, err := pick([]byte(c.body), strings.Split(c.path, "."))
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, error %v", name, got, err)
		}
	}
}
