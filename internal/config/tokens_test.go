package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var people = map[string]Person{"ana": {Groups: []string{"ml-oncall"}}}

func TestBadTokens(t *testing.T) {
	tokens, problems := LoadTokens("testdata/tokens/bad.yml", people)
	if tokens != nil || problems.Err() == nil {
		t.Error("the file was taken")
	}
	text := problems.Render()
	if strings.Contains(text, "a-literal-token") {
		t.Errorf("a token stands in the messages:\n%s", text)
	}
	golden(t, "testdata/tokens/bad.txt", text)
}

func TestEmptyTokensFileIsNoTokens(t *testing.T) {
	for _, file := range []string{"", "tokens:\n", "{}"} {
		tokens, problems := ParseTokens("tokens.yml", []byte(file), people)
		switch {
		case file == "tokens:\n":
			if tokens == nil {
				t.Errorf("%q: %v", file, problems)
			} else if _, ok := tokens.Lookup(strings.Repeat("x", MinToken)); ok {
				t.Errorf("%q lets somebody in", file)
			}
		case tokens != nil || problems.Err() == nil:
			t.Errorf("%q was taken", file)
		}
	}
}

func TestLookup(t *testing.T) {
	long, robot, short := strings.Repeat("a", MinToken), strings.Repeat("b", 64), strings.Repeat("c", MinToken-1)
	file := "tokens:\n" +
		"- {name: ana-1, person: ana, roles: [view, approve], hash: " + HashToken(long) + "}\n" +
		"- {name: ci, robot: true, roles: [release], hash: " + HashToken(robot) + "}\n" +
		"- {name: weak, robot: true, roles: [view], hash: " + HashToken(short) + "}\n"
	tokens, problems := ParseTokens("tokens.yml", []byte(file), people)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	for _, c := range []struct {
		name, token, want string
	}{
		{"a person's token", long, "ana-1"},
		{"a robot's token", robot, "ci"},
		{"a token that is too short, though its hash is there", short, ""},
		{"no token", "", ""},
		{"a token with one letter too many", long + "a", ""},
		{"the hash itself", HashToken(long), ""},
	} {
		got, ok := tokens.Lookup(c.token)
		if got.Name != c.want || ok != (c.want != "") {
			t.Errorf("%s: found %q, %v, want %q", c.name, got.Name, ok, c.want)
		}
	}
	got, _ := tokens.Lookup(long)
	if got.Person != "ana" || got.Robot || !cmp.Equal(got.Roles, []Role{View, Approve}) {
		t.Errorf("Lookup gave %+v", got)
	}
}

func TestGoodTokensFile(t *testing.T) {
	tokens, problems := LoadTokens("testdata/tokens/good.yml", people)
	if len(problems) > 0 || len(tokens.entries) != 2 {
		t.Errorf("tokens %+v, problems:\n%s", tokens, problems.Render())
	}
}
