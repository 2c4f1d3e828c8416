package streams_test

import (
	"strings"
	"testing"

	"github.com/ripcord-dev/ripcord/internal/streams"
)

func FuzzToken(f *testing.F) {
	for _, name := range []string{"fraud-scorer", "prod/fraud.v2", "a b", "*", ">", "100%", "größe", "\x00\xff", "%2E"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			return
		}
		token := streams.Token(name)
		if token == "" || strings.ContainsAny(token, ". \t\r\n\f*>/\\") {
			t.Errorf("Token(%q) = %q is not one token, or no name of a consumer", name, token)
		}
		if back, ok := streams.Name(token); !ok || back != name {
			t.Errorf("Name(Token(%q)) = %q, %v", name, back, ok)
		}
	})
}

func TestNameRefuses(t *testing.T) {
	for _, token := range []string{"", "a.b", "*", ">", "a b", "a%", "%zz"} {
		if name, ok := streams.Name(token); ok {
			t.Errorf("Name(%q) = %q, want a refusal", token, name)
		}
	}
}
