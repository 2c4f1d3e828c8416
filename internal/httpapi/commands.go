package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/triggers"
)

// command reads the body of a command to one target.
func (a *api) command(w http.ResponseWriter, r *http.Request, into any) (target string, by incident.Person, err error) {
	target = r.PathValue("id")
	if err := a.known(target); err != nil {
		return "", by, err
	}
	return target, CallerFrom(r.Context()).Person, readBody(w, r, into)
}

func (a *api) rollback(w http.ResponseWriter, r *http.Request) error {
	var body client.Rollback
	target, by, err := a.command(w, r, &body)
	if err != nil {
		return err
	}
	if err := reasonGiven(body.Reason); err != nil {
		return err
	}
	out, err := a.Engine.Submit(r.Context(), target, incident.Rollback{By: by, To: body.To, Reason: body.Reason})
	if err != nil {
		return a.withWinner(r.Context(), target, err)
	}
	a.told(r).Str("to", body.To).Msg("ask for a rollback")
	return a.present(w, out.State)
}

// submit hands an input to the engine and answers with the target.
func (a *api) submit(w http.ResponseWriter, r *http.Request, target string, in incident.Input) error {
	out, err := a.Engine.Submit(r.Context(), target, in)
	if err != nil {
		return err
	}
	a.told(r).Msg("change a target")
	return writeJSON(w, http.StatusOK, a.targetView(out.State))
}

func (a *api) freeze(w http.ResponseWriter, r *http.Request) error {
	var body client.Hold
	target, by, err := a.command(w, r, &body)
	if err != nil {
		return err
	}
	until, err := a.until(body)
	if err != nil {
		return err
	}
	return a.submit(w, r, target, incident.SetFreeze{By: by, Until: until, Reason: whyFrozen(body)})
}

func (a *api) unfreeze(w http.ResponseWriter, r *http.Request) error {
	var body client.Reason
	target, by, err := a.command(w, r, &body)
	if err != nil {
		return err
	}
	if err := reasonGiven(body.Reason); err != nil {
		return err
	}
	return a.submit(w, r, target, incident.Unfreeze{By: by, Reason: body.Reason})
}

func (a *api) quarantine(w http.ResponseWriter, r *http.Request) error {
	return a.versioned(w, r, func(by incident.Person, v client.VersionReason) incident.Input {
		return incident.Quarantine{By: by, Version: v.Version, Reason: v.Reason}
	})
}

func (a *api) lift(w http.ResponseWriter, r *http.Request) error {
	return a.versioned(w, r, func(by incident.Person, v client.VersionReason) incident.Input {
		return incident.Lift{By: by, Version: v.Version, Reason: v.Reason}
	})
}

func (a *api) versioned(w http.ResponseWriter, r *http.Request, input func(incident.Person, client.VersionReason) incident.Input) error {
	var body client.VersionReason
	target, by, err := a.command(w, r, &body)
	if err != nil {
		return err
	}
	if body.Version == "" {
		return invalid("version is missing", "GET /api/v1/releases?target="+target+" lists them")
	}
	if err := reasonGiven(body.Reason); err != nil {
		return err
	}
	return a.submit(w, r, target, input(by, body))
}

// whyFrozen lets a freeze do without a reason: engaging is easier than releasing.
func whyFrozen(h client.Hold) string {
	if reason := strings.TrimSpace(h.Reason); reason != "" {
		return reason
	}
	return "no reason given"
}

func (a *api) freezeFleet(w http.ResponseWriter, r *http.Request) error {
	var body client.Hold
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	until, err := a.until(body)
	if err != nil {
		return err
	}
	if err := a.Engine.FreezeFleet(r.Context(), CallerFrom(r.Context()).Person, until, whyFrozen(body)); err != nil {
		return err
	}
	a.told(r).Msg("freeze the fleet")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *api) unfreezeFleet(w http.ResponseWriter, r *http.Request) error {
	var body client.Reason
	if err := readBody(w, r, &body); err != nil {
		return err
	}
	if err := reasonGiven(body.Reason); err != nil {
		return err
	}
	if err := a.Engine.UnfreezeFleet(r.Context(), CallerFrom(r.Context()).Person, body.Reason); err != nil {
		return err
	}
	a.told(r).Msg("unfreeze the fleet")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func reasonGiven(reason string) error {
	if strings.TrimSpace(reason) == "" {
		return invalid("reason is missing", "it goes into the audit trail")
	}
	return nil
}

// until is when a freeze ends; zero when it holds until somebody unfreezes.
func (a *api) until(h client.Hold) (time.Time, error) {
	switch {
	case h.For != "" && !h.Until.IsZero():
		return time.Time{}, invalid("both for and until are given", "")
	case h.For != "":
		d, err := model.ParseDuration(h.For)
		if err != nil || d <= 0 {
			return time.Time{}, invalid(fmt.Sprintf("for %q is not a duration", h.For), "such as 30m, 1h, 2d")
		}
		return a.Now().UTC().Add(time.Duration(d)), nil
	case !h.Until.IsZero() && !h.Until.After(a.Now()):
		return time.Time{}, invalid("until lies in the past", "")
	}
	return h.Until.UTC(), nil
}

// versionForm is what a version may be: it becomes part of messages and of
// subjects' headers.
var versionForm = regexp.MustCompile(`^[\x21-\x7e]{1,200}$`)

// release announces a version by a release event: the log alone tells the rules.
func (a *api) release(w http.ResponseWriter, r *http.Request) error {
	var body client.NewRelease
	target, by, err := a.command(w, r, &body)
	if err != nil {
		return err
	}
	now := a.Now().UTC()
	switch {
	case a.Publish == nil:
		return problem(http.StatusNotFound, "this daemon takes no release events", "")
	case !versionForm.MatchString(body.Version):
		return invalid(fmt.Sprintf("version %q: want 1 to 200 printable characters without a space", body.Version), "")
	case body.At.After(now.Add(2 * time.Minute)):
		return invalid("at lies in the future", "announce a release when it is live")
	case body.At.IsZero():
		body.At = now
	}
	event := releaseEvent(target, by.Name, body)
	if err := a.publish(r.Context(), event); err != nil {
		return err
	}
	a.told(r).Str("version", body.Version).Msg("announce a release")
	return writeJSON(w, http.StatusAccepted, client.Announced{Event: event.ID})
}

// publish stores an event; whatever stands in the way, it can be sent again.
func (a *api) publish(ctx context.Context, event triggers.Event) error {
	if err := a.Publish(ctx, []triggers.Event{event}); err != nil {
		a.Logger.Error().Err(err).Str("target", event.Target).Msg("publish a release event")
		return problem(http.StatusServiceUnavailable, "not recorded, retry", "the events stream did not take the event")
	}
	return nil
}

func releaseEvent(target, actor string, body client.NewRelease) triggers.Event {
	fields := map[string]any{"actor": actor}
	if body.Previous != "" {
		fields["previous"] = body.Previous
	}
	if body.Commit != "" {
		fields["commit"] = body.Commit
	}
	return triggers.Event{
		ID: "release-" + rand.Text(), Source: "api", Type: triggers.TypeRelease,
		Target: target, Version: body.Version, Time: body.At.UTC(), Fields: triggers.MakeFields(fields),
	}
}
