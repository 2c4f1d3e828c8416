package httpin

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ripcord-dev/ripcord/internal/crashpoint"
	"github.com/ripcord-dev/ripcord/triggers"
)

func (in *Intake) events(r *http.Request) (answer, error) {
	contentType := r.Header.Get("Content-Type")
	if !triggers.Readable(contentType) {
		return answer{}, &problem{Status: http.StatusUnsupportedMediaType, Detail: fmt.Sprintf("Content-Type %.80q is not read: send %s, %s, %s or %s", contentType, triggers.ContentJSON, triggers.ContentNDJSON, triggers.ContentEvent, triggers.ContentEventBatch)}
	}
	body, err := readBody(r, maxEventBody)
	if err != nil {
		return answer{}, err
	}
	crashpoint.Hit("ingest.after_read")
	incoming, rejects := triggers.DecodeIntake(contentType, r.Header, body)
	if len(incoming) == 0 && len(rejects) > 0 {
		return answer{}, unreadable(rejects)
	}
	if err := in.mayRelease(r, incoming); err != nil {
		return answer{}, err
	}
	s := in.sort(incoming, rejects, idFor(r))
	if len(s.answer.Accepted) == 0 && len(s.dead) == 0 && len(s.answer.Rejected) > 0 {
		return answer{}, &problem{Status: http.StatusUnprocessableEntity, Detail: "no event can be accepted: mend each and send it again", Rejected: s.answer.Rejected}
	}
	return s.answer, in.store(r.Context(), s)
}

// unreadable answers a request of which nothing can be an event.
func unreadable(rejects []triggers.Reject) error {
	if r := rejects[0]; r.Index == triggers.Whole {
		return &problem{Status: http.StatusBadRequest, Detail: r.Reason}
	}
	return &problem{Status: http.StatusUnprocessableEntity, Detail: "none of this is an event: " + rejects[0].Reason, Rejected: reject(rejects)}
}

// mayRelease refuses the whole request when it holds a release event that the
// sender may not send; nothing of it is stored.
func (in *Intake) mayRelease(r *http.Request, incoming []triggers.Incoming) error {
	var refused []rejected
	for _, i := range incoming {
		if i.Event.Type == triggers.TypeRelease {
			refused = append(refused, rejected{Index: i.Index, Reason: "a release event needs the role release"})
		}
	}
	if len(refused) == 0 || in.cfg.MayRelease(r) {
		return nil
	}
	return &problem{Status: http.StatusForbidden, Detail: "release events are only taken from a token with the role release; nothing of this request is stored", Rejected: refused}
}

// idFor names the events of a request that have no id.
func idFor(r *http.Request) func(index int) string {
	base := r.Header.Get("Idempotency-Key")
	if base == "" || len(base) > 256 || strings.ContainsFunc(base, func(c rune) bool { return c < ' ' || c > '~' }) {
		base = rand.Text()
	}
	return func(index int) string { return base + "-" + strconv.Itoa(index) }
}

// sorted is a request taken apart: the lines to store by subject, what goes to the
// dead letters, and the answer if both succeed.
type sorted struct {
	lines  map[string][][]byte
	order  []string // the subjects, as they came
	dead   []triggers.DeadLetter
	answer answer
}

func (in *Intake) sort(incoming []triggers.Incoming, rejects []triggers.Reject, id func(int) string) sorted {
	s := sorted{lines: make(map[string][][]byte), answer: answer{Accepted: []string{}, Rejected: reject(rejects)}}
	unknown := make(map[string]int) // subject → index in s.dead
	for _, i := range incoming {
		if i.Event.ID == "" {
			i.Event.ID = id(i.Index)
		}
		subject, line := triggers.Subject(i.Event.Type, i.Event.Target), triggers.Encode(i.Event)
		switch {
		case len(line) >= maxMessage:
			reason := s.refuse(i.Index, fmt.Sprintf("the event has %d bytes, at most %d are stored", len(line), maxMessage-1))
			rejects = append(rejects, triggers.Reject{Index: i.Index, Reason: reason, Raw: line})
		case !in.cfg.KnownTarget(i.Event.Target):
			reason := s.refuse(i.Index, fmt.Sprintf("target %s is not configured", i.Event.Target))
			s.bury(unknown, subject, reason, line)
		default:
			s.accept(subject, line, i.Event.ID)
		}
	}
	if len(s.answer.Accepted)+len(s.dead) > 0 {
		s.dead = append(s.dead, undecodable(rejects)...)
	}
	return s
}

// refuse keeps the answer's list in the order of the request.
func (s *sorted) refuse(index int, reason string) string {
	list := s.answer.Rejected
	at, _ := slices.BinarySearchFunc(list, index, func(r rejected, i int) int { return r.Index - i })
	s.answer.Rejected = slices.Insert(list, at, rejected{Index: index, Reason: reason})
	return reason
}

func (s *sorted) accept(subject string, line []byte, id string) {
	if s.lines[subject] == nil {
		s.order = append(s.order, subject)
	}
	s.lines[subject] = append(s.lines[subject], line)
	s.answer.Accepted = append(s.answer.Accepted, id)
}

// bury adds the line to the dead letter of its subject, which can be requeued as
// it is once the target is configured.
func (s *sorted) bury(unknown map[string]int, subject, reason string, line []byte) {
	at, ok := unknown[subject]
	if !ok || len(s.dead[at].Body)+len(line) >= maxMessage {
		at = len(s.dead)
		unknown[subject] = at
		s.dead = append(s.dead, triggers.DeadLetter{
			Code: triggers.DeadUnresolved, Reason: reason, Subject: subject, Source: triggers.SourceHTTP, Header: stored(),
		})
	}
	s.dead[at].Body = append(append(s.dead[at].Body, line...), '\n')
}

// undecodable keeps what of a request could not be read beside what could. A
// sender whose whole request is refused still has it; this one may not look.
func undecodable(rejects []triggers.Reject) []triggers.DeadLetter {
	var dead []triggers.DeadLetter
	for _, r := range rejects {
		if n := len(dead); n > 0 && len(dead[n-1].Body)+len(r.Raw) < maxMessage {
			dead[n-1].Body = append(append(dead[n-1].Body, r.Raw...), '\n')
			continue
		}
		dead = append(dead, triggers.DeadLetter{
			Code: triggers.DeadUndecodable, Reason: r.Reason, Source: triggers.SourceHTTP, Body: append(append([]byte(nil), r.Raw...), '\n'),
		})
	}
	return dead
}

// stored is the header of the messages that the door writes.
func stored() map[string][]string {
	return map[string][]string{"Content-Type": {triggers.ContentNDJSON}}
}

// store returns nil when all that the answer speaks of is kept.
func (in *Intake) store(ctx context.Context, s sorted) error {
	for _, d := range s.dead {
		if err := in.deadLetter(ctx, d); err != nil {
			return err
		}
	}
	crashpoint.Hit("ingest.before_publish")
	var tickets []ticket
	for _, subject := range s.order {
		tickets = append(tickets, in.batcher.submit(subject, s.lines[subject])...)
	}
	for _, t := range tickets {
		if err := t.wait(ctx); err != nil {
			return err
		}
	}
	crashpoint.Hit("ingest.after_puback")
	in.metrics.events.Add(float64(len(s.answer.Accepted)))
	crashpoint.Hit("ingest.before_reply")
	return nil
}
