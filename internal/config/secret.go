package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// redacted is what a secret prints as, whichever way.
const redacted = "<redacted>"

// maxSecret bounds a secret's file.
const maxSecret = 64 << 10

// Secret names where a secret stands: a file or an environment variable. It never
// holds the secret itself, and it prints as <redacted>. The zero value is no
// secret.
type Secret struct{ file, env string }

// FileSecret is the secret in a file, without the white space around it.
func FileSecret(path string) Secret { return Secret{file: path} }

// EnvSecret is the secret in an environment variable.
func EnvSecret(name string) Secret { return Secret{env: name} }

// IsZero tells that none was configured.
func (s Secret) IsZero() bool { return s == Secret{} }

// Read reads the secret anew. An error names the place and never the content. A
// file that others can write is refused: they would choose the secret.
func (s Secret) Read() (string, error) {
	switch {
	case s.file != "":
		return s.readFile()
	case s.env != "":
		if v := strings.TrimSpace(os.Getenv(s.env)); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("read secret: the environment variable %s is empty or not set", s.env)
	}
	return "", errors.New("read secret: none is configured")
}

func (s Secret) readFile() (string, error) {
	info, err := os.Stat(s.file)
	switch {
	case err != nil:
		return "", fmt.Errorf("read secret: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("read secret: %s is not a regular file", s.file)
	case info.Size() > maxSecret:
		return "", fmt.Errorf("read secret: %s is larger than %d KiB", s.file, maxSecret>>10)
	case info.Mode().Perm()&0o002 != 0:
		return "", fmt.Errorf("read secret: everybody can write %s (mode %04o): chmod 600 it", s.file, info.Mode().Perm())
	}
	raw, err := os.ReadFile(s.file)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	value := strings.TrimSpace(string(raw))
	if value == "" {
		return "", fmt.Errorf("read secret: %s is empty", s.file)
	}
	return value, nil
}

// Exposed is the sentence for the log when everybody on the machine can read the
// secret's file; empty when not, or when there is no file to look at.
func (s Secret) Exposed() string {
	info, err := os.Stat(s.file)
	if s.file == "" || err != nil || info.Mode().Perm()&fs.FileMode(0o004) == 0 {
		return ""
	}
	return fmt.Sprintf("everybody on this machine can read %s (mode %04o): chmod 600 it", s.file, info.Mode().Perm())
}

// Place names the file or the variable, for messages.
func (s Secret) Place() string {
	switch {
	case s.file != "":
		return "file " + s.file
	case s.env != "":
		return "environment variable " + s.env
	}
	return "nowhere"
}

// String, GoString, Format and the Marshal methods print <redacted>, or nothing
// for no secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// GoString is for %#v.
func (s Secret) GoString() string { return s.String() }

// Format is for every verb of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText is for JSON and other encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML is for YAML.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// literalValue and literalURL find what looks like a secret that stands in the file: the value of a
// key such as bot_token, or the user and password of a URL.
var (
	literalValue = regexp.MustCompile(`(?i)([a-z_]*(?:token|secret|password|passwd))["']?\s*:\s+(\S.*)$`)
	literalURL   = regexp.MustCompile(`://([^/@\s]+)@`)
)

// maxShown is the longest line that is masked by its parts; a longer one is masked
// whole.
const maxShown = 1 << 10

// maskSecrets overwrites such values, so that no message shows them. Columns stay
// true.
func maskSecrets(lines []string) []string {
	for i, line := range lines {
		found := literalURL.FindAllStringSubmatchIndex(line, -1)
		for _, at := range slices.Backward(found) {
			line = mask(line, at[2], at[3])
		}
		if len(line) > maxShown && literalValue.MatchString(line) {
			line = mask(line, 0, len(line))
		}
		lines[i] = maskValue(line, 0)
	}
	return lines
}

// maskValue masks the values of the keys from an offset on. In a flow mapping a
// value ends before the next key, elsewhere with the line.
func maskValue(line string, from int) string {
	at := literalValue.FindStringSubmatchIndex(line[from:])
	if at == nil {
		return line
	}
	key, start, end := line[from+at[2]:from+at[3]], from+at[4], len(line)
	if strings.Contains(line[:start], "{") {
		end = start + flowValue(line[start:])
	}
	if key != "subject_token" {
		line = mask(line, start, end)
		end = min(end, len(line))
	}
	return maskValue(line, max(end, start+1))
}

// flowValue is the length of the value that a flow mapping goes on with.
func flowValue(s string) int {
	if quote := s[0]; quote == '"' || quote == '\'' {
		if end := strings.IndexByte(s[1:], quote); end >= 0 {
			return end + 2
		}
		return len(s)
	}
	if end := strings.IndexAny(s, ",}]"); end >= 0 {
		return end
	}
	return len(s)
}

func mask(line string, from, to int) string {
	return line[:from] + strings.Repeat("*", utf8.RuneCountInString(line[from:to])) + line[to:]
}

// secretFields adds the two keys of a secret to a fields table: <key>_file and
// <key>_env, of which one may be given.
func (r *reader) secretFields(known fields, key string, into *Secret) {
	set := func(n *node, s Secret) {
		if !into.IsZero() {
			r.errorAt(n, "keep one of the two", "both %s_file and %s_env are given", key, key)
			return
		}
		*into = s
	}
	known[key+"_file"] = func(n *node) {
		if p, ok := r.scalar(n, "a path"); ok {
			set(n, FileSecret(r.abs(p)))
		}
	}
	known[key+"_env"] = func(n *node) {
		if name, ok := r.scalar(n, "a variable's name"); ok {
			set(n, EnvSecret(name))
		}
	}
	known[key] = func(n *node) {
		r.errorAt(n, fmt.Sprintf("put it into a file and name that as %s_file, or name an environment variable as %s_env", key, key),
			"a secret never stands in this file")
	}
}
