package cluster

import (
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// CheckVersion and Redacted are the pure parts of connecting.
var (
	CheckVersion = checkVersion
	Redacted     = redacted
)

// SetPace makes the watch look more often.
func (c *Cluster) SetPace(every time.Duration) { c.watch.every = every }

// Server is the embedded server of now.
func (c *Cluster) Server() *server.Server {
	c.embedded.mu.Lock()
	defer c.embedded.mu.Unlock()
	return c.embedded.server
}
