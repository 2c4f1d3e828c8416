package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/triggers"
)

// panicked is what a message did to its reader.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// handle decodes a message and hands it over, again and again until it is taken or
// ctx ends. What can not be used becomes a dead letter, unless an earlier run made
// it one.
func (r *Reader) handle(ctx context.Context, h Handler, m triggers.Message, subject string, replay bool) error {
	var rejects []triggers.Reject
	b := Batch{Seq: m.Seq, Stored: r.monotone(m.Stored), Replay: replay}
	err := r.insist(ctx, func() error {
		b.Events, rejects = triggers.Decode(m, r.cfg.KnownTarget)
		return h(ctx, b)
	})
	var crash *panicked
	if errors.As(err, &crash) {
		r.cfg.Logger.Error().Uint64("seq", m.Seq).Str("subject", subject).Bool("replay", replay).
			Interface("panic", crash.value).Bytes("stack", crash.stack).Msg("a message made its reader panic")
		b.Events, rejects = nil, nil
		if err = nil; !replay {
			err = r.bury(ctx, r.letter(m, subject, triggers.DeadCrashed, crash.Error(), m.Body))
		}
	}
	if err != nil {
		return err
	}
	r.metrics.messages.Inc()
	r.metrics.events.Add(float64(len(b.Events)))
	if len(rejects) == 0 || replay {
		return nil
	}
	code := triggers.DeadUndecodable
	if rejects[0].Index == triggers.Whole && triggers.ValidName(m.Target) && !r.cfg.KnownTarget(m.Target) {
		code = triggers.DeadUnresolved
	}
	return r.bury(ctx, r.letter(m, subject, code, reason(rejects), rejected(rejects, m.Body)))
}

func message(msg js.Msg, meta *js.MsgMetadata) triggers.Message {
	m := triggers.Message{Seq: meta.Sequence.Stream, Stored: meta.Timestamp.UTC(), Header: msg.Headers(), Body: msg.Data()}
	m.Type, m.Target, _ = triggers.SplitSubject(msg.Subject())
	return m
}

// monotone is the stream time: the store time, never earlier than before.
func (r *Reader) monotone(stored time.Time) time.Time {
	if stored.After(r.at) {
		r.at = stored
	}
	return r.at
}

// insist calls until it succeeds, panics or ctx ends.
func (r *Reader) insist(ctx context.Context, call func() error) error {
	pause := newPause()
	for {
		err := safely(call)
		var crash *panicked
		if err == nil || errors.As(err, &crash) {
			return err
		}
		if ctx.Err() == nil {
			r.metrics.retries.Inc()
			r.cfg.Logger.Warn().Err(err).Msg("a message was not taken, it is tried again")
		}
		if !sleep(ctx, pause.NextBackOff()) {
			return err
		}
	}
}

func safely(call func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicked{value: value, stack: debug.Stack()}
		}
	}()
	return call()
}

func (r *Reader) letter(m triggers.Message, subject string, code triggers.DeadCode, reason string, body []byte) triggers.DeadLetter {
	return triggers.DeadLetter{
		At: time.Now().UTC(), Code: code, Reason: reason, Subject: subject, Source: triggers.SourceNATS,
		Origin: m.Seq, Header: m.Header, Body: body,
	}
}

// bury returns nil when the letter is kept. The message is not acknowledged
// before.
func (r *Reader) bury(ctx context.Context, d triggers.DeadLetter) error {
	r.cfg.Logger.Warn().Uint64("seq", d.Origin).Str("subject", d.Subject).Str("reason", d.Reason).Msg("dead letter")
	err := r.insist(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return r.cfg.DeadLetter(ctx, d)
	})
	if err == nil {
		r.metrics.deadLetters.WithLabelValues(string(d.Code)).Inc()
	}
	return err
}

func reason(rejects []triggers.Reject) string {
	first := rejects[0].Reason
	if rejects[0].Index != triggers.Whole {
		first = fmt.Sprintf("element %d: %s", rejects[0].Index, first)
	}
	if more := len(rejects) - 1; more > 0 {
		first += fmt.Sprintf(" (and %d more)", more)
	}
	return first
}

// rejected is the body of a dead letter: of the whole message, or the rejected
// elements on a line each. Line ends inside an element stand between its tokens,
// or it is no JSON in any case.
func rejected(rejects []triggers.Reject, body []byte) []byte {
	if len(rejects) == 1 && (rejects[0].Index == triggers.Whole || len(rejects[0].Raw) == len(body)) {
		return body
	}
	var lines []byte
	for _, r := range rejects {
		lines = append(append(lines, bytes.ReplaceAll(r.Raw, []byte{'\n'}, []byte{' '})...), '\n')
	}
	return lines
}
