package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
)

func (a *api) incident(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	target, err := a.targetOf(id)
	if err != nil {
		return err
	}
	found, err := a.history(r.Context(), target, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, found)
}

// targetOf is the target that an incident's id, <target>-<number>, names.
func (a *api) targetOf(id string) (string, error) {
	target, _, _ := cutLast(id, "-")
	if _, ok := a.Engine.Policy(target); !ok {
		return "", noIncident(id)
	}
	return target, nil
}

func noIncident(id string) error {
	return problem(http.StatusNotFound, fmt.Sprintf("no incident has the id %q", id), "GET /api/v1/incidents lists them")
}

// history reads an incident and all its entries from its target's journal. While
// the journal is away the newest incident is still shown, without entries.
func (a *api) history(ctx context.Context, target, id string) (client.Incident, error) {
	var last *incident.Incident
	var entries []incident.Entry
	err := a.Journal.Read(ctx, target, 0, func(s journal.Stored) error {
		own, err := entriesOf(s.Record, id)
		if err != nil || len(own) == 0 {
			return err
		}
		entries = append(entries, own...)
		state, err := incidentIn(s.Record)
		if state != nil && state.ID == id {
			last = state
		}
		return err
	})
	if errors.Is(err, journal.ErrUnavailable) {
		if t, terr := a.Engine.Target(ctx, target); terr == nil && t.Incident != nil && t.Incident.ID == id {
			return client.View(*t.Incident, nil), nil
		}
	}
	if err != nil {
		return client.Incident{}, err
	}
	if last == nil {
		return client.Incident{}, noIncident(id)
	}
	return client.View(*last, entries), nil
}

// entriesOf are a record's entries of one incident; of all when id is empty.
func entriesOf(r journal.Record, id string) ([]incident.Entry, error) {
	var all []incident.Entry
	if err := json.Unmarshal(r.Entries, &all); err != nil {
		return nil, fmt.Errorf("read entries of %s: %w", r.Target, err)
	}
	if id == "" {
		return all, nil
	}
	var own []incident.Entry
	for _, e := range all {
		if e.Incident == id {
			own = append(own, e)
		}
	}
	return own, nil
}

// incidentIn is the incident in a record's state, or nil.
func incidentIn(r journal.Record) (*incident.Incident, error) {
	var state struct {
		Incident *incident.Incident `json:"incident"`
	}
	if err := json.Unmarshal(r.State, &state); err != nil {
		return nil, fmt.Errorf("read state of %s: %w", r.Target, err)
	}
	return state.Incident, nil
}

func (a *api) approve(w http.ResponseWriter, r *http.Request) error {
	return a.answer(w, r, func(id string, by incident.Person, in client.Answer) (incident.Input, error) {
		if in.Digest == "" || in.Revision < 1 {
			return nil, invalid("an approval names the plan: digest and revision", "take both from GET /api/v1/incidents/"+id)
		}
		return incident.Approve{Incident: id, By: by, Digest: in.Digest, Revision: in.Revision, Note: in.Comment}, nil
	})
}

// deny is the no to a plan in approval, and the veto to one that is about to be
// carried out.
func (a *api) deny(w http.ResponseWriter, r *http.Request) error {
	return a.answer(w, r, func(id string, by incident.Person, in client.Answer) (incident.Input, error) {
		return incident.Deny{Incident: id, By: by, Digest: in.Digest, Revision: in.Revision, Note: in.Comment}, nil
	})
}

func (a *api) retry(w http.ResponseWriter, r *http.Request) error {
	return a.answer(w, r, func(id string, by incident.Person, in client.Answer) (incident.Input, error) {
		return incident.Retry{Incident: id, By: by}, a.fresh(r.Context(), id, in.Revision)
	})
}

func (a *api) close(w http.ResponseWriter, r *http.Request) error {
	return a.answer(w, r, func(id string, by incident.Person, in client.Answer) (incident.Input, error) {
		if in.Comment == "" {
			return nil, invalid("closing an incident needs a reason", "send {\"comment\": \"…\"}")
		}
		return incident.Close{Incident: id, By: by, Reason: in.Comment}, a.fresh(r.Context(), id, in.Revision)
	})
}

// answer hands what a person says about an incident to the engine, and says how
// the incident stands then.
func (a *api) answer(w http.ResponseWriter, r *http.Request, input func(id string, by incident.Person, in client.Answer) (incident.Input, error)) error {
	id := r.PathValue("id")
	target, err := a.targetOf(id)
	if err != nil {
		return err
	}
	var body client.Answer
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	in, err := input(id, CallerFrom(r.Context()).Person, body)
	if err != nil {
		return a.withWinner(r.Context(), target, err)
	}
	out, err := a.Engine.Submit(r.Context(), target, in)
	if err != nil {
		return a.withWinner(r.Context(), target, err)
	}
	a.told(r).Str("incident", id).Msg("answer an incident")
	return a.present(w, out.State)
}

// fresh refuses an answer to a revision that has been overtaken. Retry and close
// carry none into the engine; one that the request names must be the present one.
func (a *api) fresh(ctx context.Context, id string, revision int) error {
	if revision == 0 {
		return nil
	}
	target, err := a.targetOf(id)
	if err != nil {
		return err
	}
	t, err := a.Engine.Target(ctx, target)
	if err != nil {
		return err
	}
	if i := t.Incident; i != nil && i.ID == id && i.Revision != revision {
		return problem(http.StatusConflict, fmt.Sprintf("%s is at revision %d (%s), the answer is to revision %d", id, i.Revision, i.State, revision), "look at it again")
	}
	return nil
}

// present answers with the incident of a new state.
func (a *api) present(w http.ResponseWriter, t incident.Target) error {
	if t.Incident == nil {
		return errors.New("the engine's answer has no incident")
	}
	return writeJSON(w, http.StatusOK, client.View(*t.Incident, nil))
}

// withWinner adds to a conflict how the incident stands now.
func (a *api) withWinner(ctx context.Context, target string, err error) error {
	p := a.problemOf(err)
	if p.Status != http.StatusConflict {
		return err
	}
	if t, terr := a.Engine.Target(ctx, target); terr == nil && t.Incident != nil {
		winner := client.View(*t.Incident, nil)
		p.Incident = &winner
	}
	return p
}

// told starts the log line of something that a person had done.
func (a *api) told(r *http.Request) *zerolog.Event {
	by := CallerFrom(r.Context()).Person
	return a.Logger.Info().Str("by", by.Name).Str("via", by.Via).Str("path", r.URL.Path)
}
