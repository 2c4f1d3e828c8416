package streams

import (
	"net/url"
	"strings"
)

// Token is a name as one token of a subject, or as the name of a consumer: what
// NATS gives a meaning (dots, wildcards, slashes, spaces) is percent-encoded, so
// that different names give different tokens.
func Token(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
}

// Name is the name that a token stands for; false when the token is not a whole
// one. A token that was never encoded, such as prod/fraud, is its own name.
func Name(token string) (string, bool) {
	name, err := url.PathUnescape(token)
	if err != nil || token == "" || strings.ContainsAny(token, ". *>\t\r\n") {
		return "", false
	}
	return name, true
}
