package httpapi

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
)

// eachTarget calls fn with the state of every target, or of the one that the
// query names.
func (a *api) eachTarget(r *http.Request, q query, fn func(incident.Target)) error {
	names := a.Engine.Names()
	if only := q.values.Get("target"); only != "" {
		if err := a.known(only); err != nil {
			return err
		}
		names = []string{only}
	}
	for _, name := range names {
		t, err := a.Engine.Target(r.Context(), name)
		if err != nil {
			return err
		}
		fn(t)
	}
	return nil
}

// known refuses a target that is not configured.
func (a *api) known(target string) error {
	if _, ok := a.Engine.Policy(target); !ok {
		return problem(http.StatusNotFound, fmt.Sprintf("no target is called %q", target), "GET /api/v1/targets lists them")
	}
	return nil
}

// list answers one page of what gather finds in the targets.
func list[T any](a *api, w http.ResponseWriter, r *http.Request, q query, gather func(incident.Target) []keyed[T]) error {
	var items []keyed[T]
	if err := a.eachTarget(r, q, func(t incident.Target) { items = append(items, gather(t)...) }); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page(items, q, true))
}

func (a *api) incidents(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r, "state", "target")
	if err != nil {
		return err
	}
	state := q.values.Get("state")
	if state != "" && state != "open" && state != "all" {
		return invalid(fmt.Sprintf("state %q: want open or all", state), "")
	}
	return list(a, w, r, q, func(t incident.Target) []keyed[client.Summary] {
		var items []keyed[client.Summary]
		for _, s := range summaries(t) {
			if state != "open" || !s.State.Terminal() {
				items = append(items, keyed[client.Summary]{timeKey(s.Opened, s.ID), s})
			}
		}
		return items
	})
}

// summaries are all incidents of a target that its state remembers.
func summaries(t incident.Target) []client.Summary {
	all := make([]client.Summary, 0, len(t.Past)+1)
	for _, b := range t.Past {
		all = append(all, client.Summary{
			ID: b.ID, Target: t.Name, Version: b.Version, To: b.To, State: b.State, Rule: b.Rule,
			Severity: b.Severity, Opened: b.Opened, Ended: b.Ended, Verdict: b.Verdict,
		})
	}
	if s := client.Summarize(t.Incident); s != nil {
		all = append(all, *s)
	}
	return all
}

func (a *api) decisions(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r, "target")
	if err != nil {
		return err
	}
	return list(a, w, r, q, func(t incident.Target) []keyed[client.Decision] {
		var items []keyed[client.Decision]
		for _, d := range t.Decided {
			items = append(items, keyed[client.Decision]{timeKey(d.At, t.Name+"/"+d.ID), client.Decision{Target: t.Name, Decided: d}})
		}
		return items
	})
}

func (a *api) releases(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r, "target")
	if err != nil {
		return err
	}
	return list(a, w, r, q, func(t incident.Target) []keyed[client.Release] {
		var items []keyed[client.Release]
		for i, rel := range t.Ledger {
			key := timeKey(rel.Since, fmt.Sprintf("%s/%06d", t.Name, i))
			items = append(items, keyed[client.Release]{key, client.Release{Target: t.Name, Release: rel}})
		}
		return items
	})
}

func (a *api) quarantined(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r, "target")
	if err != nil {
		return err
	}
	return list(a, w, r, q, func(t incident.Target) []keyed[client.Quarantined] {
		var items []keyed[client.Quarantined]
		for i, rel := range t.Ledger {
			if rel.Quarantined != "" {
				key := timeKey(rel.Since, fmt.Sprintf("%s/%06d", t.Name, i))
				items = append(items, keyed[client.Quarantined]{key, client.Quarantined{
					Target: t.Name, Version: rel.Version, Reason: rel.Quarantined, Revisions: rel.Revisions,
				}})
			}
		}
		return items
	})
}

// freezes lists what holds now, the fleet's freeze among it.
func (a *api) freezes(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r, "target")
	if err != nil {
		return err
	}
	var items []keyed[client.Freeze]
	add := func(target string, f *incident.Freeze) {
		if a.holds(f) {
			items = append(items, keyed[client.Freeze]{timeKey(f.At, target), client.Freeze{Target: target, Freeze: *f}})
		}
	}
	if err := a.eachTarget(r, q, func(t incident.Target) { add(t.Name, t.Freeze) }); err != nil {
		return err
	}
	fleet, err := a.Engine.Fleet(r.Context())
	if err != nil {
		return err
	}
	add("", fleet.Freeze)
	return writeJSON(w, http.StatusOK, page(items, q, true))
}

// holds tells a freeze that has not run out.
func (a *api) holds(f *incident.Freeze) bool {
	return f != nil && (f.Until.IsZero() || f.Until.After(a.Now()))
}

func (a *api) rules(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r, "target")
	if err != nil {
		return err
	}
	var items []keyed[client.Rule]
	err = a.eachTarget(r, q, func(t incident.Target) {
		if a.Rules == nil {
			return
		}
		for i, view := range a.Rules.Snapshot(t.Name) {
			items = append(items, keyed[client.Rule]{fmt.Sprintf("%s/%06d", t.Name, i), view})
		}
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page(items, q, false))
}

func (a *api) targets(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r)
	if err != nil {
		return err
	}
	var items []keyed[client.Target]
	err = a.eachTarget(r, q, func(t incident.Target) {
		items = append(items, keyed[client.Target]{t.Name, a.targetView(t)})
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page(items, q, false))
}

func (a *api) target(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("id")
	if err := a.known(name); err != nil {
		return err
	}
	t, err := a.Engine.Target(r.Context(), name)
	if err != nil {
		return err
	}
	view := a.targetView(t)
	view.Ledger = t.Ledger
	return writeJSON(w, http.StatusOK, view)
}

// targetView is a target as lists show it.
func (a *api) targetView(t incident.Target) client.Target {
	policy, _ := a.Engine.Policy(t.Name)
	v := client.Target{
		Name: t.Name, Mode: policy.Mode, Quorum: policy.Quorum,
		Approvers: append([]string{}, policy.Approvers...), Stages: []client.Stage{},
		Incident: client.Summarize(t.Incident),
	}
	if n := len(t.Ledger); n > 0 {
		v.Version, v.Since = t.Ledger[n-1].Version, t.Ledger[n-1].Since
	}
	if a.holds(t.Freeze) {
		v.Freeze = t.Freeze
	}
	for _, s := range policy.Stages {
		stage := client.Stage{Name: s.Name, Steps: []string{}}
		for _, step := range s.Steps {
			stage.Steps = append(stage.Steps, step.Kind)
		}
		v.Stages = append(v.Stages, stage)
	}
	return v
}

func (a *api) deadLetters(w http.ResponseWriter, r *http.Request) error {
	q, err := listQuery(r)
	if err != nil {
		return err
	}
	var before uint64
	if q.after != "" {
		if before, err = strconv.ParseUint(q.after, 10, 64); err != nil {
			return invalid("the cursor is not one of ours", "take it from next of the page before")
		}
	}
	letters, err := a.DeadLetters.List(r.Context(), before, q.limit)
	if err != nil {
		return err
	}
	p := client.Page[client.DeadLetter]{Items: make([]client.DeadLetter, 0, len(letters))}
	for _, l := range letters {
		p.Items = append(p.Items, letterView(l, false))
	}
	if len(letters) == q.limit {
		p.Next = cursor(strconv.FormatUint(letters[len(letters)-1].Seq, 10))
	}
	return writeJSON(w, http.StatusOK, p)
}
