// Package streams brings a JetStream stream to the settings it must have, and
// turns names that people chose into tokens of subjects. It is shared by the
// adapters that keep a stream.
package streams

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Incarnation is the key of the stream's metadata that tells this stream from
// one of the same name that was deleted: its sequence numbers mean something only
// together with it.
const Incarnation = "ripcord.incarnation"

// Ensure creates the stream, or changes an existing one where its settings differ
// from want, and proves by a fresh look that they hold. What want leaves open
// (Replicas 0, placement, transforms, compression) stays as it is. It answers the
// stream and the differences that it mended, for the log.
//
// An error says which settings stand in the way: storage, retention, mirror and
// seal cannot be changed, and the server may refuse others.
func Ensure(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, []string, error) {
	want.Metadata = withIncarnation(want.Metadata)
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = create(ctx, js, want)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open stream %s: %w", want.Name, err)
	}
	mended := different(stream.CachedInfo().Config, want)
	if len(mended) == 0 {
		return stream, nil, nil
	}
	if stream, err = mend(ctx, js, stream.CachedInfo().Config, want); err != nil {
		return nil, nil, fmt.Errorf("change stream %s (%s): %w", want.Name, strings.Join(mended, "; "), err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("check stream %s: %w", want.Name, err)
	}
	if left := different(info.Config, want); len(left) > 0 {
		return nil, nil, fmt.Errorf("check stream %s: the server did not take its settings: %s", want.Name, strings.Join(left, "; "))
	}
	return stream, mended, nil
}

func create(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	want.Replicas = max(want.Replicas, 1)
	stream, err := js.CreateStream(ctx, want)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another replica was first
		return js.Stream(ctx, want.Name)
	}
	return stream, err
}

func mend(ctx context.Context, js jetstream.JetStream, have, want jetstream.StreamConfig) (jetstream.Stream, error) {
	var fixed []string
	for _, s := range settings {
		if s.fixed && s.differs(have, want) {
			fixed = append(fixed, s.name)
		}
	}
	if len(fixed) > 0 {
		return nil, fmt.Errorf("%s cannot be changed: move the stream away or delete it by hand", strings.Join(fixed, ", "))
	}
	for _, s := range settings {
		if s.differs(have, want) {
			s.take(&have, want)
		}
	}
	return js.UpdateStream(ctx, have)
}

func withIncarnation(have map[string]string) map[string]string {
	metadata := maps.Clone(have)
	if metadata == nil {
		metadata = map[string]string{}
	}
	if metadata[Incarnation] == "" {
		metadata[Incarnation] = newUUID()
	}
	return metadata
}

// newUUID is a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func different(have, want jetstream.StreamConfig) []string {
	var all []string
	for _, s := range settings {
		if s.differs(have, want) {
			all = append(all, fmt.Sprintf("%s is %v, must be %v", s.name, s.show(have), s.show(want)))
		}
	}
	return all
}

// setting is one setting of a stream that Ripcord depends on.
type setting struct {
	name    string
	fixed   bool
	show    func(jetstream.StreamConfig) any
	differs func(have, want jetstream.StreamConfig) bool
	take    func(have *jetstream.StreamConfig, want jetstream.StreamConfig)
}

// of is a setting that differs when it is not equal, read through field.
func of[T comparable](name string, field func(*jetstream.StreamConfig) *T) setting {
	return setting{
		name:    name,
		show:    func(c jetstream.StreamConfig) any { return *field(&c) },
		differs: func(have, want jetstream.StreamConfig) bool { return *field(&have) != *field(&want) },
		take:    func(have *jetstream.StreamConfig, want jetstream.StreamConfig) { *field(have) = *field(&want) },
	}
}

// limit is a setting where the server writes -1 for no limit.
func limit[T ~int | ~int32 | ~int64](name string, field func(*jetstream.StreamConfig) *T) setting {
	s := of(name, field)
	s.differs = func(have, want jetstream.StreamConfig) bool {
		return *field(&have) != *field(&want) && (*field(&have) > 0 || *field(&want) > 0)
	}
	return s
}

// wanted is a switch that only matters when it must be on: it cannot be taken
// back.
func wanted(name string, field func(*jetstream.StreamConfig) *bool) setting {
	s := of(name, field)
	s.differs = func(have, want jetstream.StreamConfig) bool { return *field(&want) && !*field(&have) }
	return s
}

func cannotChange(s setting) setting {
	s.fixed = true
	return s
}

var settings = []setting{
	cannotChange(of("storage", func(c *jetstream.StreamConfig) *jetstream.StorageType { return &c.Storage })),
	cannotChange(of("retention", func(c *jetstream.StreamConfig) *jetstream.RetentionPolicy { return &c.Retention })),
	cannotChange(of("sealed", func(c *jetstream.StreamConfig) *bool { return &c.Sealed })),
	cannotChange(of("mirror", func(c *jetstream.StreamConfig) **jetstream.StreamSource { return &c.Mirror })),
	{
		name: "subjects",
		show: func(c jetstream.StreamConfig) any { return c.Subjects },
		differs: func(have, want jetstream.StreamConfig) bool {
			return !slices.Equal(slices.Sorted(slices.Values(have.Subjects)), slices.Sorted(slices.Values(want.Subjects)))
		},
		take: func(have *jetstream.StreamConfig, want jetstream.StreamConfig) { have.Subjects = want.Subjects },
	},
	{
		name: "replicas",
		show: func(c jetstream.StreamConfig) any { return c.Replicas },
		differs: func(have, want jetstream.StreamConfig) bool {
			return want.Replicas > 0 && have.Replicas != want.Replicas
		},
		take: func(have *jetstream.StreamConfig, want jetstream.StreamConfig) { have.Replicas = want.Replicas },
	},
	{
		name:    Incarnation,
		show:    func(c jetstream.StreamConfig) any { return fmt.Sprintf("%q", c.Metadata[Incarnation]) },
		differs: func(have, _ jetstream.StreamConfig) bool { return have.Metadata[Incarnation] == "" },
		take: func(have *jetstream.StreamConfig, want jetstream.StreamConfig) {
			have.Metadata = maps.Clone(have.Metadata)
			if have.Metadata == nil {
				have.Metadata = map[string]string{}
			}
			have.Metadata[Incarnation] = want.Metadata[Incarnation]
		},
	},
	of("discard", func(c *jetstream.StreamConfig) *jetstream.DiscardPolicy { return &c.Discard }),
	of("discard_new_per_subject", func(c *jetstream.StreamConfig) *bool { return &c.DiscardNewPerSubject }),
	limit("max_age", func(c *jetstream.StreamConfig) *time.Duration { return &c.MaxAge }),
	limit("max_bytes", func(c *jetstream.StreamConfig) *int64 { return &c.MaxBytes }),
	limit("max_msgs", func(c *jetstream.StreamConfig) *int64 { return &c.MaxMsgs }),
	limit("max_msgs_per_subject", func(c *jetstream.StreamConfig) *int64 { return &c.MaxMsgsPerSubject }),
	limit("max_msg_size", func(c *jetstream.StreamConfig) *int32 { return &c.MaxMsgSize }),
	limit("duplicate_window", func(c *jetstream.StreamConfig) *time.Duration { return &c.Duplicates }),
	of("no_ack", func(c *jetstream.StreamConfig) *bool { return &c.NoAck }),
	of("allow_direct", func(c *jetstream.StreamConfig) *bool { return &c.AllowDirect }),
	of("allow_rollup_hdrs", func(c *jetstream.StreamConfig) *bool { return &c.AllowRollup }),
	wanted("deny_delete", func(c *jetstream.StreamConfig) *bool { return &c.DenyDelete }),
	wanted("deny_purge", func(c *jetstream.StreamConfig) *bool { return &c.DenyPurge }),
}
