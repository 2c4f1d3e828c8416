package config

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"regexp"
	"slices"

	"github.com/ripcord-dev/ripcord/internal/diag"
)

// MinToken is the least length of a bearer token, in characters.
const MinToken = 32

// Role is what a token may do.
type Role string

// The roles. None includes another.
const (
	Ingest  Role = "ingest"  // send events and alerts
	Release Role = "release" // announce releases
	View    Role = "view"    // read everything
	Operate Role = "operate" // roll back, freeze, quarantine, requeue, reload
	Approve Role = "approve" // approve, deny, veto
)

// Token is one entry of the tokens file. It belongs to a person, or to a robot,
// who never counts for a quorum.
type Token struct {
	Name   string
	Person string // a people entry; empty for a robot
	Robot  bool
	Roles  []Role
	hash   [sha256.Size]byte
}

// Tokens are the bearer tokens that may come in. The file holds their hashes
// only; it may hold several for one person, so that one can be replaced at leisure.
type Tokens struct{ entries []Token }

// LoadTokens reads a tokens file; see ParseTokens.
func LoadTokens(path string, people map[string]Person) (*Tokens, diag.Problems) {
	data, problems := readFile(path)
	if problems != nil {
		return nil, problems
	}
	return ParseTokens(path, data, people)
}

// ParseTokens reads a tokens file. Each person in it must be one of people. The
// Tokens are nil when a problem is an error.
func ParseTokens(name string, data []byte, people map[string]Person) (*Tokens, diag.Problems) {
	r, root := open(name, data)
	var t Tokens
	if root == nil {
		if len(r.problems) == 0 {
			r.whole("the file has no tokens", "add tokens: [{name: …, person: …, roles: […], hash: sha256:…}]")
		}
		return nil, r.problems
	}
	names, hashes := make(map[string]bool), make(map[[sha256.Size]byte]string)
	r.fields(root, "the tokens file", fields{
		"tokens": func(n *node) {
			r.items(n, "tokens", func(item *node) {
				t.entries = append(t.entries, r.token(item, people, names, hashes))
			})
		},
	})
	r.required(root, "the tokens file", "tokens")
	if r.problems.Err() != nil {
		return nil, r.problems
	}
	return &t, r.problems
}

func (r *reader) token(item *node, people map[string]Person, names map[string]bool, hashes map[[sha256.Size]byte]string) Token {
	var t Token
	r.fields(item, "the token", fields{
		"name":   func(n *node) { r.uniqueName(n, &t.Name, names, "token") },
		"person": func(n *node) { r.tokenPerson(n, &t, people) },
		"robot":  r.boolean(&t.Robot),
		"roles":  r.roles(&t.Roles),
		"hash":   func(n *node) { r.tokenHash(n, &t, hashes) },
	})
	r.required(item, "the token", "name", "roles", "hash")
	if hasPerson := valueOf(item, "person") != nil; hasPerson == t.Robot {
		r.errorAt(item, "person: NAME for a person's token, robot: true for a program's", "a token is a person's or a robot's, one of the two")
	}
	if _, person := people[t.Name]; person && t.Robot {
		r.errorAt(valueOf(item, "name"), "robots have names of their own", "a person is called %q", t.Name)
	}
	if t.Robot && slices.Contains(t.Roles, Approve) {
		r.warnAt(item, "remove the role, or give the token to a person", "a robot's approval never counts for a quorum")
	}
	return t
}

func (r *reader) tokenPerson(n *node, t *Token, people map[string]Person) {
	r.name(&t.Person)(n)
	if _, ok := people[t.Person]; !ok && t.Person != "" {
		hint := "add an entry to people in ripcord.yml"
		if near := diag.Nearest(t.Person, sortedKeys(people)); near != "" {
			hint = "did you mean " + near + "?"
		}
		r.errorAt(n, hint, "no person is called %q", t.Person)
	}
}

func (r *reader) roles(into *[]Role) func(*node) {
	words := []string{string(Ingest), string(Release), string(View), string(Operate), string(Approve)}
	return func(n *node) {
		r.items(n, "roles", func(item *node) {
			var s string
			r.oneOf(&s, words...)(item)
			if s != "" {
				*into = append(*into, Role(s))
			}
		})
		if len(*into) == 0 {
			r.errorAt(n, "", "a token without a role may do nothing")
		}
	}
}

var hashForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (r *reader) tokenHash(n *node, t *Token, hashes map[[sha256.Size]byte]string) {
	s, ok := r.scalar(n, "sha256:<hex>")
	if !ok {
		return
	}
	if !hashForm.MatchString(s) {
		// The text may be the token itself: it is not repeated here.
		r.errorAt(n, "printf %s \"$TOKEN\" | sha256sum, and write sha256: before it", "want sha256: and 64 hex digits, the hash of a token of at least 32 characters")
		return
	}
	raw, _ := hex.DecodeString(s[len("sha256:"):]) // the form has been checked
	copy(t.hash[:], raw)
	if other, twice := hashes[t.hash]; twice {
		r.errorAt(n, "every token is one entry", "the token %s has the same hash", other)
	}
	hashes[t.hash] = t.Name
}

// HashToken is a token's hash as the tokens file has it.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Lookup finds a token's entry. A token shorter than MinToken is never found. The
// time it takes does not depend on which entry matches, if any.
func (t *Tokens) Lookup(token string) (Token, bool) {
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i := range t.entries {
		match := subtle.ConstantTimeCompare(sum[:], t.entries[i].hash[:])
		found = subtle.ConstantTimeSelect(match, i, found)
	}
	if found < 0 || len(token) < MinToken {
		return Token{}, false
	}
	return t.entries[found], true
}
