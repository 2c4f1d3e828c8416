// Package natsjournal keeps the journal in one JetStream stream: a subject per
// target, written by compare-and-set on the subject's last sequence and read from
// the stream's leader only.
package natsjournal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/streams"
)

// Stream is the name of the journal's stream; a target's records are under
// Prefix and the target's token.
const (
	Stream = "RIPCORD_JOURNAL"
	Prefix = "ripcord.journal."
)

// DefaultMaxBytes is the size of the stream when Config leaves it open.
const DefaultMaxBytes = 1 << 30

// Config is what Open needs beside a connection.
type Config struct {
	// Replicas is the number of the stream's copies; 0 leaves an existing stream as
	// it is and makes a new one with a single copy.
	Replicas int
	// Writer is who writes, for people: host, process and build. It fills records
	// that name none.
	Writer string
	// MaxBytes is the size of the stream; 0 means DefaultMaxBytes. A full journal
	// refuses records, it never drops one.
	MaxBytes int64
	Logger   zerolog.Logger
}

// Journal is the journal on JetStream. It is safe for concurrent use.
type Journal struct {
	js          jetstream.JetStream
	stream      jetstream.Stream
	incarnation string
	writer      string
	maxBytes    int64
	log         zerolog.Logger

	// patience is how long the answer to one request is awaited, and how long a
	// copy of a record on its way is given to land before it is written once more.
	patience time.Duration
	// ackWait is after how long without a sign of life from its reader a record is
	// delivered again; pull is how long one pull for a record stays open.
	ackWait, pull time.Duration
}

// Open creates the journal's stream, or brings an existing one to the settings
// that the journal's promises rest on, and binds to it. An error says which
// setting cannot be had.
func Open(ctx context.Context, js jetstream.JetStream, cfg Config) (*Journal, error) {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	stream, mended, err := streams.Ensure(ctx, js, streamConfig(cfg))
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if len(mended) > 0 {
		cfg.Logger.Warn().Str("stream", Stream).Strs("mended", mended).Msg("the journal's stream had other settings")
	}
	return &Journal{
		js: js, stream: stream, incarnation: stream.CachedInfo().Config.Metadata[streams.Incarnation],
		writer: cfg.Writer, maxBytes: cfg.MaxBytes, log: cfg.Logger,
		patience: 5 * time.Second, ackWait: 3 * time.Second, pull: 10 * time.Second,
	}, nil
}

func streamConfig(cfg Config) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        Stream,
		Description: "Ripcord's journal: the last message of a subject is a target's state",
		Subjects:    []string{Prefix + ">"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    cfg.MaxBytes,
		MaxMsgSize:  journal.MaxRecord + 8<<10, // headers count
		Duplicates:  2 * time.Minute,
		DenyDelete:  true,
		DenyPurge:   true,
		Replicas:    cfg.Replicas,
	}
}

// Incarnation tells this stream from one of the same name that was deleted:
// revisions mean something only together with it.
func (j *Journal) Incarnation() string { return j.incarnation }

func subject(target string) string { return Prefix + streams.Token(target) }

// Head implements journal.Journal. A last record that cannot be decoded is an
// error: nothing may be decided on it.
func (j *Journal) Head(ctx context.Context, target string) (journal.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, j.patience)
	defer cancel()
	msg, err := j.stream.GetLastMsgForSubject(ctx, subject(target))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return journal.Head{}, nil
	case err != nil:
		return journal.Head{}, fmt.Errorf("read head of %s: %w: %w", target, journal.ErrUnavailable, err)
	}
	r, hash, err := journal.Decode(msg.Data)
	if err != nil {
		return journal.Head{}, fmt.Errorf("read head of %s at revision %d: %w", target, msg.Sequence, err)
	}
	return journal.Head{Revision: msg.Sequence, Hash: hash, Record: r}, nil
}

// Targets implements journal.Journal; the names are sorted.
func (j *Journal) Targets(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, j.patience)
	defer cancel()
	info, err := j.stream.Info(ctx, jetstream.WithSubjectFilter(Prefix+">"))
	if err != nil {
		return nil, fmt.Errorf("list targets: %w: %w", journal.ErrUnavailable, err)
	}
	var names []string
	for s := range info.State.Subjects {
		if name, ok := streams.Name(strings.TrimPrefix(s, Prefix)); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
