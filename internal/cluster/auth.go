package cluster

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Files of the tokens in the data directory of a server that listens.
const (
	tokenName       = "nats.token"
	eventsTokenName = "nats-events.token"
)

// tokens are the two doors of a listening server. Who may write any subject may
// write the journal, and so approve a rollback; producers of events are given the
// narrow one.
type tokens struct {
	full   string // everything: for replicas and tools of this daemon
	events string // publish to ripcord.events.>, and ask whether that can be done
}

func openTokens(dir string) (tokens, error) {
	full, err := tokenFile(filepath.Join(dir, tokenName))
	if err != nil {
		return tokens{}, err
	}
	events, err := tokenFile(filepath.Join(dir, eventsTokenName))
	if err != nil {
		return tokens{}, err
	}
	return tokens{full, events}, nil
}

// Check is asked by the server for every connection.
func (t tokens) Check(c server.ClientAuthentication) bool {
	shown := c.GetOpts().Token
	switch {
	case same(shown, t.full):
		c.RegisterUser(&server.User{Username: "ripcord"})
		return true
	case same(shown, t.events):
		c.RegisterUser(&server.User{Username: "events", Permissions: eventsPermissions()})
		return true
	}
	return false
}

func eventsPermissions() *server.Permissions {
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{
			EventsPrefix + ">", "$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO." + EventsStream,
		}},
		Subscribe: &server.SubjectPermission{Allow: []string{nats.InboxPrefix + ">"}},
	}
}

func same(shown, token string) bool {
	return token != "" && subtle.ConstantTimeCompare([]byte(shown), []byte(token)) == 1
}

// tokenFile reads the token, or makes one that only this user can read.
func tokenFile(path string) (string, error) {
	token, err := readToken(path)
	if err == nil {
		return token, os.Chmod(path, 0o600)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	token = rand.Text()
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write token file: %w", err)
	}
	return token, nil
}
