package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v4"
)

// canary stands in the file and in the variable; it must come out of Read only.
const canary = "xoxb-canary-7f3a"

func TestSecretIsReadAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	s := FileSecret(file)
	for _, want := range []string{canary, "rotated"} {
		if err := os.WriteFile(file, []byte("  "+want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read(); err != nil || got != want {
			t.Errorf("Read() = %q, %v, want %q", got, err, want)
		}
	}
	t.Setenv("RIPCORD_TEST_SECRET", canary)
	if got, err := EnvSecret("RIPCORD_TEST_SECRET").Read(); err != nil || got != canary {
		t.Errorf("Read() = %q, %v", got, err)
	}
}

func TestSecretRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("RIPCORD_TEST_EMPTY", "")
	for _, c := range []struct {
		name string
		s    Secret
		want string
	}{
		{"none configured", Secret{}, "none is configured"},
		{"no such file", FileSecret(filepath.Join(dir, "none")), "no such file"},
		{"an empty file", FileSecret(write("empty", " \n", 0o600)), "is empty"},
		{"a file that everybody can write", FileSecret(write("open", canary, 0o666)), "everybody can write"},
		{"a file that is too large", FileSecret(write("large", strings.Repeat("x", maxSecret+1), 0o600)), "larger than"},
		{"a directory", FileSecret(dir), "not a regular file"},
		{"an empty variable", EnvSecret("RIPCORD_TEST_EMPTY"), "RIPCORD_TEST_EMPTY is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.s.Read()
			if got != "" || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("Read() = %q, %v, want an error with %q", got, err, c.want)
			}
		})
	}
	if why := FileSecret(write("shown", canary, 0o644)).Exposed(); !strings.Contains(why, "chmod 600") {
		t.Errorf("Exposed() of a file that everybody reads = %q", why)
	}
	if why := FileSecret(write("own", canary, 0o600)).Exposed(); why != "" {
		t.Errorf("Exposed() of a private file = %q", why)
	}
}

func TestSecretPrintsRedacted(t *testing.T) {
	type holder struct {
		S Secret
		P *Secret
	}
	s := FileSecret("/run/secrets/" + canary)
	h := holder{s, &s}
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().Stringer("secret", s).Interface("holder", h).Msg(fmt.Sprint(s))
	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Dump(h)
	if err != nil {
		t.Fatal(err)
	}
	for how, text := range map[string]string{
		"%v": fmt.Sprintf("%v", h), "%+v": fmt.Sprintf("%+v", h), "%#v": fmt.Sprintf("%#v", s),
		"%s": fmt.Sprintf("%s", s), "%q": fmt.Sprintf("%q", s), "%x": fmt.Sprintf("%x", s), "%d": fmt.Sprintf("%d", s),
		"JSON": string(asJSON), "YAML": string(asYAML), "zerolog": log.String(),
	} {
		plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(text)
		if strings.Contains(text, canary) || !strings.Contains(plain, redacted) {
			t.Errorf("%s prints %s", how, text)
		}
	}
}

// A secret that somebody wrote into the file is in no message.
func TestLiteralSecretIsNotRepeated(t *testing.T) {
	for _, file := range []string{
		"notify: [{kind: slack, channel: C1, bot_token: " + canary + "}]",
		"notify:\n- kind: slack\n  bot_token: '" + canary + "'\n",
		"nats: {url: 'nats://me:x@n0:4222,nats://me:" + canary + "@n1:4222'}",
		"nats: {token: " + canary + ", tokn: 1}",
		"notify: [{kind: slack, bot_token: " + canary + ", x: [}]",
		"targets: {api: {stages: [{name: a, steps: [{kind: webhook, password: " + canary + "}], foo: 1}]}}",
		"nats:\n  token: \"two words, " + canary + "\"\n",
		"{nats: {token: a, url: 1, password: '{x} " + canary + "', tokn: 1}}",
		"nats: {subject_token: 2, token: " + canary + "}",
		"tokens: [{name: a, token: " + canary + "}]",
	} {
		if _, problems := Parse("ripcord.yml", []byte(file)); problems.Err() == nil || strings.Contains(problems.Render(), canary) {
			t.Errorf("%s:\n%s", file, problems.Render())
		}
		if _, problems := ParseTokens("tokens.yml", []byte(file), nil); problems.Err() == nil || strings.Contains(problems.Render(), canary) {
			t.Errorf("%s:\n%s", file, problems.Render())
		}
	}
}
