package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/streams"
)

// Names of the streams.
const (
	EventsStream     = "RIPCORD_EVENTS"
	DeadLetterStream = "RIPCORD_DEADLETTER"
	JournalStream    = "RIPCORD_JOURNAL" // opened by natsjournal
	CanaryStream     = "RIPCORD_CANARY"
)

// Prefixes of the subjects.
const (
	EventsPrefix     = "ripcord.events."
	DeadLetterPrefix = "ripcord.deadletter."
	canarySubject    = "ripcord.canary"
)

// Sizes in bytes of the streams that Config does not set, and of a message.
const (
	deadLetterBytes = 256 << 20
	journalBytes    = 1 << 30
	canaryBytes     = 1 << 20
	// spareBytes are for what else is kept on an embedded server: buckets of
	// breakers, leases and checkpoints.
	spareBytes = 1 << 30

	maxMessage = 256 << 10
)

func (c *Cluster) streamConfigs() []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name: EventsStream, Subjects: []string{EventsPrefix + ">"}, Replicas: c.replicas(),
			Description: "Ripcord's events, in the order in which they are evaluated",
			Discard:     jetstream.DiscardNew, MaxBytes: c.cfg.MaxBytes, MaxAge: 7 * 24 * time.Hour,
			MaxMsgSize: maxMessage, Duplicates: 10 * time.Minute, DenyDelete: true, DenyPurge: true,
		},
		{
			Name: DeadLetterStream, Subjects: []string{DeadLetterPrefix + ">"}, Replicas: c.replicas(),
			Description: "what Ripcord could not read, with the reason",
			Discard:     jetstream.DiscardOld, MaxBytes: deadLetterBytes, MaxAge: 30 * 24 * time.Hour,
			MaxMsgSize: maxMessage + 16<<10, Duplicates: 10 * time.Minute, // with headers of its own
		},
		{
			Name: CanaryStream, Subjects: []string{canarySubject}, Replicas: c.replicas(),
			Description: "proof that a message can be stored",
			Discard:     jetstream.DiscardOld, MaxMsgs: 1, MaxBytes: canaryBytes, MaxMsgSize: 2 * canarySize, Duplicates: 2 * time.Minute,
		},
	}
}

func (c *Cluster) replicas() int {
	if c.embedded != nil {
		return 1
	}
	return c.cfg.Replicas
}

// openStreams creates or mends the streams, and proves that they will be found
// after a restart.
func (c *Cluster) openStreams(ctx context.Context) error {
	for _, want := range c.streamConfigs() {
		stream, mended, err := streams.Ensure(ctx, c.js, want)
		if err != nil {
			return err
		}
		if len(mended) > 0 {
			c.log.Warn().Str("stream", want.Name).Strs("mended", mended).Msg("a stream had other settings")
		}
		if want.Name == EventsStream {
			c.incarnation = stream.CachedInfo().Config.Metadata[streams.Incarnation]
		}
	}
	if c.embedded == nil {
		return nil
	}
	torn, err := tornDirs(c.embedded.dir)
	if err != nil {
		return err
	}
	if len(torn) > 0 {
		return fmt.Errorf("the server did not finish the metadata of %s: a restart would lose its messages", torn[0])
	}
	return nil
}
