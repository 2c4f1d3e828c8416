package actions_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/ripcord-dev/ripcord/actions"
)

func settings(t *testing.T, text string) actions.Settings {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return actions.NewSettings(doc.Content[0], "/etc/ripcord")
}

func TestRegistry(t *testing.T) {
	reg := actions.NewRegistry()
	wrong := errors.New("link is missing")
	mk := func(actions.Settings) (actions.Action, error) { return nil, wrong }
	for _, kind := range []string{"webhook", "files/link"} {
		if err := reg.Register(kind, mk); err != nil {
			t.Fatal(err)
		}
	}
	if err := reg.Register("webhook", mk); err == nil || !strings.Contains(err.Error(), "webhook") {
		t.Errorf("a kind registered twice: %v", err)
	}
	if got := reg.Kinds(); !slices.Equal(got, []string{"files/link", "webhook"}) {
		t.Errorf("kinds %v", got)
	}
	if _, err := reg.Build("files/link", actions.Settings{}); !errors.Is(err, wrong) || !strings.HasPrefix(err.Error(), "files/link: ") {
		t.Errorf("build: %v", err)
	}
	if _, err := reg.Build("nosuch", actions.Settings{}); err == nil || !strings.Contains(err.Error(), "files/link") {
		t.Errorf("the error of an unknown kind does not say which there are: %v", err)
	}
}

func TestSettingsDecodeIsStrict(t *testing.T) {
	type block struct {
		URL string `yaml:"url"`
	}
	type kind struct {
		Link   string `yaml:"link"`
		Times  int    `yaml:"times"`
		Reload block  `yaml:"reload"`
	}
	for name, c := range map[string]struct{ text, want string }{
		"an unknown key":            {"link: a\nlnik: b\n", "line 2"},
		"an unknown key in a block": {"link: a\nreload:\n  url: x\n  ulr: y\n", "line 4"},
		"a wrong type":              {"link: a\n\ntimes: many\n", "line 3"},
		"a key twice":               {"link: a\nlink: b\n", "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var got kind
			err := settings(t, c.text).Decode(&got)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	var got kind
	s := settings(t, "link: a\nreload: {url: x}\n")
	if err := s.Decode(&got); err != nil || got.Link != "a" || got.Reload.URL != "x" || s.Dir() != "/etc/ripcord" {
		t.Errorf("decoded %+v from %s, error %v", got, s.Dir(), err)
	}
	if err := (actions.Settings{}).Decode(&got); err != nil {
		t.Errorf("no settings: %v", err)
	}
}
