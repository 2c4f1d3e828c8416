// Package deadletter keeps what came in and could not be used, in a JetStream
// stream of its own: with its reason, until somebody looks at it, requeues it, or
// its age ends it. Nothing is ever changed or deleted in that stream; that a
// letter was requeued is a message of its own.
package deadletter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/triggers"
)

// Prefix begins the subject of every dead letter: ripcord.deadletter.<code>.
const Prefix = "ripcord.deadletter."

const (
	maxBody   = 200 << 10 // bytes of a kept body; the rest is cut off
	maxReason = 2 << 10
	maxList   = 200 // letters of one page
)

// The headers of a stored letter. Those of the original message are kept under
// original- names.
const (
	headerAt       = "Ripcord-At"
	headerReason   = "Ripcord-Reason"
	headerSubject  = "Ripcord-Subject"
	headerSource   = "Ripcord-Source"
	headerOrigin   = "Ripcord-Origin"
	headerCut      = "Ripcord-Cut" // the length of a body that was cut
	headerOriginal = "Ripcord-Original-"
)

// Errors on which a caller branches.
var (
	ErrNotFound = errors.New("no such dead letter")
	// ErrRequeued refuses to requeue a letter a second time.
	ErrRequeued = errors.New("it was requeued already")
	// ErrNoWay refuses to requeue a letter that can not become an event again.
	ErrNoWay = errors.New("it can not be requeued")
)

// Config is what a Box works with; all of it is needed.
type Config struct {
	JS           jetstream.JetStream
	Stream       string // where the letters are, subjects ripcord.deadletter.>
	EventsStream string // where they are requeued to
	KnownTarget  func(string) bool
}

// Box is the store of dead letters.
type Box struct{ cfg Config }

// New makes a box; it does not touch the stream.
func New(cfg Config) *Box { return &Box{cfg: cfg} }

// Letter is a kept dead letter.
type Letter struct {
	triggers.DeadLetter
	Cut      int       // the length that the body had before it was cut; 0: it is whole
	Requeued time.Time // zero: not yet
}

// Put keeps the letter; nil only after its PubAck. The same letter, put again
// within the stream's window of duplicates, is kept once. A body of more than
// 200 KiB is cut, and can then be read but not requeued.
func (b *Box) Put(ctx context.Context, d triggers.DeadLetter) error {
	msg := nats.NewMsg(Prefix + string(d.Code))
	msg.Data = d.Body
	if len(d.Body) > maxBody {
		msg.Data = d.Body[:maxBody]
		msg.Header.Set(headerCut, strconv.Itoa(len(d.Body)))
	}
	for name, values := range d.Header {
		if !strings.HasPrefix(strings.ToLower(name), "nats-") && len(values) > 0 {
			msg.Header.Set(headerOriginal+name, oneLine(values[0]))
		}
	}
	msg.Header.Set(headerAt, d.At.UTC().Format(time.RFC3339Nano))
	msg.Header.Set(headerReason, oneLine(d.Reason))
	msg.Header.Set(headerSubject, oneLine(d.Subject))
	msg.Header.Set(headerSource, oneLine(d.Source))
	msg.Header.Set(headerOrigin, strconv.FormatUint(d.Origin, 10))
	_, err := b.cfg.JS.PublishMsg(ctx, msg, jetstream.WithMsgID(identity(d)), jetstream.WithExpectStream(b.cfg.Stream))
	if err != nil {
		return fmt.Errorf("store a dead letter: %w", err)
	}
	return nil
}

func identity(d triggers.DeadLetter) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %q %q %d ", d.Code, d.Subject, d.Source, d.Origin) // a hash never fails
	h.Write(d.Body)
	return "deadletter-" + hex.EncodeToString(h.Sum(nil))
}

// oneLine makes a text fit for a header.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "")
	}
	return strings.TrimSpace(s)
}

// List pages through the letters from the newest to the oldest: those below cursor
// (0: all), at most limit of them. next is the cursor of the page after, 0 when
// this was the last.
func (b *Box) List(ctx context.Context, cursor uint64, limit int) (letters []Letter, next uint64, err error) {
	stream, err := b.cfg.JS.Stream(ctx, b.cfg.Stream)
	if err != nil {
		return nil, 0, fmt.Errorf("list dead letters: %w", err)
	}
	state := stream.CachedInfo().State
	seq := state.LastSeq
	if cursor > 0 {
		seq = min(seq, cursor-1)
	}
	if limit < 1 || limit > maxList {
		limit = maxList
	}
	for ; seq >= max(state.FirstSeq, 1); seq-- {
		letter, err := b.read(ctx, stream, seq)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if letters = append(letters, letter); len(letters) == limit && seq > max(state.FirstSeq, 1) {
			return letters, seq, nil
		}
	}
	return letters, 0, nil
}

// Show is one letter.
func (b *Box) Show(ctx context.Context, seq uint64) (Letter, error) {
	stream, err := b.cfg.JS.Stream(ctx, b.cfg.Stream)
	if err != nil {
		return Letter{}, fmt.Errorf("show dead letter %d: %w", seq, err)
	}
	return b.read(ctx, stream, seq)
}

func (b *Box) read(ctx context.Context, stream jetstream.Stream, seq uint64) (Letter, error) {
	raw, err := stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && strings.HasPrefix(raw.Subject, requeuedPrefix) {
		return Letter{}, fmt.Errorf("dead letter %d: %w", seq, ErrNotFound)
	}
	if err != nil {
		return Letter{}, fmt.Errorf("read dead letter %d: %w", seq, err)
	}
	letter := parse(raw)
	mark, err := stream.GetLastMsgForSubject(ctx, requeuedSubject(seq))
	switch {
	case err == nil:
		letter.Requeued = mark.Time.UTC()
	case !errors.Is(err, jetstream.ErrMsgNotFound):
		return Letter{}, fmt.Errorf("read dead letter %d: %w", seq, err)
	}
	return letter, nil
}

func parse(raw *jetstream.RawStreamMsg) Letter {
	l := Letter{DeadLetter: triggers.DeadLetter{
		Seq: raw.Sequence, Code: triggers.DeadCode(strings.TrimPrefix(raw.Subject, Prefix)), At: raw.Time.UTC(),
		Reason: raw.Header.Get(headerReason), Subject: raw.Header.Get(headerSubject), Source: raw.Header.Get(headerSource),
		Body: raw.Data,
	}}
	if at, err := time.Parse(time.RFC3339Nano, raw.Header.Get(headerAt)); err == nil {
		l.At = at
	}
	l.Origin, _ = strconv.ParseUint(raw.Header.Get(headerOrigin), 10, 64)
	l.Cut, _ = strconv.Atoi(raw.Header.Get(headerCut))
	for name, values := range raw.Header {
		if original, ok := strings.CutPrefix(name, headerOriginal); ok {
			if l.Header == nil {
				l.Header = make(map[string][]string)
			}
			l.Header[original] = values
		}
	}
	return l
}
