package httpin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/ripcord-dev/ripcord/internal/crashpoint"
	"github.com/ripcord-dev/ripcord/triggers"
)

func (in *Intake) alertmanager(r *http.Request) (answer, error) {
	source, err := in.source(r.URL.Query().Get("source"))
	if err != nil {
		return answer{}, err
	}
	if contentType := r.Header.Get("Content-Type"); !triggers.Readable(contentType) {
		return answer{}, &problem{Status: http.StatusUnsupportedMediaType, Detail: fmt.Sprintf("Content-Type %.80q is not read: send %s", contentType, triggers.ContentJSON)}
	}
	body, err := readBody(r, maxAlertBody)
	if err != nil {
		return answer{}, err
	}
	crashpoint.Hit("ingest.after_read")
	n, err := triggers.DecodeAlertmanager(body)
	switch {
	case errors.Is(err, triggers.ErrTooManyAlerts):
		return answer{}, &problem{Status: http.StatusRequestEntityTooLarge, Detail: err.Error()}
	case err != nil:
		return answer{}, &problem{Status: http.StatusBadRequest, Detail: err.Error()}
	}
	s := in.sortAlerts(n, source)
	return s.answer, in.storeAlerts(r.Context(), s, source.Name, body)
}

func (in *Intake) source(name string) (Source, error) {
	if name == "" {
		return in.cfg.Sources[0], nil
	}
	for _, s := range in.cfg.Sources {
		if s.Name == name {
			return s, nil
		}
	}
	return Source{}, &problem{Status: http.StatusBadRequest, Detail: fmt.Sprintf("no alertmanager source is named %.80q: configure it under sources, or leave ?source= out", name)}
}

// sortAlerts takes a notification apart. Nobody at Alertmanager's end looks at
// answers, so that every alert without use becomes a dead letter, even if all are.
func (in *Intake) sortAlerts(n triggers.Notification, source Source) sorted {
	s := sorted{lines: make(map[string][][]byte), answer: answer{Accepted: []string{}, Rejected: reject(n.Rejects)}}
	unknown := make(map[string]int)
	rejects := n.Rejects
	for _, a := range n.Alerts {
		target, err := source.Places.Resolve(a.At, in.cfg.KnownTarget)
		line := triggers.Encode(a.Event(source.Name, target))
		var u *triggers.Unresolved
		switch {
		case len(line) >= maxMessage:
			reason := s.refuse(a.Index, fmt.Sprintf("the alert has %d bytes, at most %d are stored", len(line), maxMessage-1))
			rejects = append(rejects, triggers.Reject{Index: a.Index, Reason: reason, Raw: line})
		case errors.As(err, &u):
			s.bury(unknown, subjectOf(u), s.refuse(a.Index, u.Reason), line)
		default:
			s.accept(triggers.Subject(triggers.TypeAlert, target), line, a.ID())
		}
		if doubt := a.Doubt(in.cfg.Now()); doubt != "" {
			s.answer.Warnings = append(s.answer.Warnings, fmt.Sprintf("alert %d: %s", a.Index, doubt))
			in.metrics.doubtful.Inc()
		}
	}
	if n.Truncated > 0 {
		s.answer.Warnings = append(s.answer.Warnings, fmt.Sprintf("%d alerts were left out by the sender's max_alerts", n.Truncated))
		in.metrics.truncated.Add(float64(n.Truncated))
	}
	s.dead = append(s.dead, undecodable(rejects)...)
	for i := range s.dead {
		s.dead[i].Source = source.Name
	}
	for _, w := range s.answer.Warnings {
		in.cfg.Logger.Warn().Str("source", source.Name).Str("receiver", n.Receiver).Msg(w)
	}
	return s
}

// subjectOf is where the alert would go if the name it carries were configured.
func subjectOf(u *triggers.Unresolved) string {
	if u.Named == "" {
		return ""
	}
	return triggers.Subject(triggers.TypeAlert, u.Named)
}

// storeAlerts writes one message for each target, several only where one would be
// too long. The message id is made of the body: a notification that is sent again
// because our answer was lost is stored once.
func (in *Intake) storeAlerts(ctx context.Context, s sorted, source string, body []byte) error {
	for _, d := range s.dead {
		if err := in.deadLetter(ctx, d); err != nil {
			return err
		}
	}
	crashpoint.Hit("ingest.before_publish")
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	for _, subject := range s.order {
		_, target, _ := triggers.SplitSubject(subject)
		id := digest([]byte(source), []byte(target), body)
		for i, message := range join(s.lines[subject]) {
			if i > 0 {
				id = digest([]byte(id), []byte(strconv.Itoa(i)))
			}
			if err := in.cfg.Publish(ctx, subject, stored(), id, message); err != nil {
				return err
			}
		}
	}
	crashpoint.Hit("ingest.after_puback")
	in.metrics.events.Add(float64(len(s.answer.Accepted)))
	crashpoint.Hit("ingest.before_reply")
	return nil
}

// join makes messages of at most maxMessage bytes from lines that are shorter.
func join(lines [][]byte) [][]byte {
	var messages [][]byte
	for _, line := range lines {
		if n := len(messages); n > 0 && len(messages[n-1])+len(line) < maxMessage {
			messages[n-1] = append(append(messages[n-1], line...), '\n')
			continue
		}
		messages = append(messages, append(append([]byte(nil), line...), '\n'))
	}
	return messages
}
