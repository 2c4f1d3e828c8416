package client

import (
	"encoding/json"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/rules"
)

// Page is one page of a list. Next is the cursor of the page after it; empty on
// the last one.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// Summary is an incident as lists show it. Ended incidents but the newest of
// their target are kept in brief: their Revision is 0 and their Digest empty,
// because nothing can be answered to them any more.
type Summary struct {
	ID       string         `json:"id"`
	Target   string         `json:"target"`
	Version  string         `json:"version"`
	To       string         `json:"to"`
	State    incident.State `json:"state"`
	Rule     string         `json:"rule"`
	Trigger  string         `json:"trigger,omitempty"`
	Severity string         `json:"severity,omitempty"`
	Manual   string         `json:"manual,omitempty"`
	Opened   time.Time      `json:"opened"`
	Ended    time.Time      `json:"ended,omitzero"`
	Deadline time.Time      `json:"deadline,omitzero"`
	Revision int            `json:"revision"`
	Digest   string         `json:"digest"`
	Verdict  string         `json:"verdict,omitempty"`
}

// Incident is all that is known of one incident. To is always there, and Digest
// is that of the plan, empty while there is none. Entries are its transitions,
// oldest first, where one incident was asked for.
type Incident struct {
	incident.Incident
	To      string           `json:"to"`
	Digest  string           `json:"digest"`
	Entries []incident.Entry `json:"entries,omitempty"`
}

// Target is a configured target and how it stands.
type Target struct {
	Name      string           `json:"name"`
	Mode      rules.Mode       `json:"mode"`
	Version   string           `json:"version"` // live; empty when nobody knows yet
	Since     time.Time        `json:"since,omitzero"`
	Approvers []string         `json:"approvers"`
	Quorum    int              `json:"quorum"`
	Stages    []Stage          `json:"stages"`
	Freeze    *incident.Freeze `json:"freeze,omitempty"`
	// Incident is the open one, or the last that ended.
	Incident *Summary `json:"incident,omitempty"`
	// Ledger are the releases, oldest first, where one target was asked for.
	Ledger []incident.Release `json:"ledger,omitempty"`
}

// Stage is one rung of a target's ladder.
type Stage struct {
	Name  string   `json:"name"`
	Steps []string `json:"steps"` // the kinds
}

// Rule is what one rule says now.
type Rule = rules.RuleView

// Decision is one answered decision of a target. Held and Guard say why no
// incident came of it.
type Decision struct {
	Target string `json:"target"`
	incident.Decided
}

// Release is one entry of a target's ledger.
type Release struct {
	Target string `json:"target"`
	incident.Release
}

// Quarantined is one version that is never gone back to.
type Quarantined struct {
	Target    string                      `json:"target"`
	Version   string                      `json:"version"`
	Reason    string                      `json:"reason"`
	Revisions map[string]actions.Revision `json:"revisions,omitempty"`
}

// Freeze is one freeze that holds now. An empty Target is the whole fleet.
type Freeze struct {
	Target string `json:"target"`
	incident.Freeze
}

// DeadLetter is something that came in and could not be used. Body is there when
// one was asked for: as text, or in base64 when it is not UTF-8.
type DeadLetter struct {
	Seq     uint64              `json:"seq"`
	At      time.Time           `json:"at"`
	Code    string              `json:"code"`
	Reason  string              `json:"reason"`
	Subject string              `json:"subject,omitempty"`
	Source  string              `json:"source,omitempty"`
	Origin  uint64              `json:"origin,omitempty"`
	Size    int                 `json:"size"`
	Header  map[string][]string `json:"header,omitempty"`
	Body    string              `json:"body,omitempty"`
	Base64  bool                `json:"base64,omitempty"`
}

// Line is one record of the journal in its export, one JSON object a line.
type Line struct {
	Revision uint64         `json:"revision"`
	Hash     string         `json:"hash"`
	Record   journal.Record `json:"record"`
}

// Verification is the verdict on the journal's chains of hashes.
type Verification struct {
	OK      bool   `json:"ok"`
	Records int    `json:"records"`
	Targets int    `json:"targets"`
	Last    uint64 `json:"last"` // the newest revision that was read
	Break   *Break `json:"break,omitempty"`
}

// Break is the first record that does not follow from the one before it.
type Break struct {
	Target   string `json:"target"`
	Revision uint64 `json:"revision"`
	Computed string `json:"computed"`
	Recorded string `json:"recorded"`
}

// Change is one record as the live feed brings it.
type Change struct {
	Revision uint64           `json:"revision"`
	Target   string           `json:"target"`
	At       time.Time        `json:"at"`
	Entries  []incident.Entry `json:"entries"`
	// Incident is the target's open incident, or the last that ended.
	Incident *Summary `json:"incident,omitempty"`
}

// Answer is what a person says to an incident. Digest and Revision name what
// they saw; approve needs both.
type Answer struct {
	Digest   string `json:"digest,omitempty"`
	Revision int    `json:"revision,omitempty"`
	Comment  string `json:"comment,omitempty"`
}

// Rollback asks for a rollback. An empty To means the known good version.
type Rollback struct {
	To     string `json:"to,omitempty"`
	Reason string `json:"reason"`
}

// NewRelease announces that a version went live. A zero At means now.
type NewRelease struct {
	Version  string    `json:"version"`
	Previous string    `json:"previous,omitempty"`
	Commit   string    `json:"commit,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

// Announced names the event that a release became.
type Announced struct {
	Event string `json:"event"`
}

// Hold asks for a freeze: For a duration such as 1h, or until a time; neither
// holds until somebody unfreezes.
type Hold struct {
	For    string    `json:"for,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// Reason is why something is done.
type Reason struct {
	Reason string `json:"reason"`
}

// VersionReason is a version and why.
type VersionReason struct {
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

// Problem is a refusal, in the form of RFC 9457.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"` // for the one who asked
	Hint   string `json:"hint,omitempty"`   // what to do
	// Incident is how it stands now, when somebody else was first.
	Incident *Incident `json:"incident,omitempty"`
}

func (p *Problem) Error() string {
	text := p.Title
	if p.Detail != "" {
		text = p.Detail
	}
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Clash tells that somebody else was first, or that the plan has changed.
func (p *Problem) Clash() bool { return p.Status == 409 }

// Summarize is the incident as lists show it.
func Summarize(i *incident.Incident) *Summary {
	if i == nil {
		return nil
	}
	s := &Summary{
		ID: i.ID, Target: i.Target, Version: i.Version, To: i.To, State: i.State, Rule: i.Rule,
		Trigger: i.Trigger, Severity: i.Severity, Manual: i.Manual,
		Opened: i.Opened, Ended: i.Ended, Deadline: i.Deadline, Revision: i.Revision, Verdict: i.Verdict,
	}
	if i.Plan != nil {
		s.Digest = i.Plan.Digest
	}
	return s
}

// View is the incident as the API shows it, with these entries.
func View(i incident.Incident, entries []incident.Entry) Incident {
	v := Incident{Incident: i, To: i.To, Entries: entries}
	if i.Plan != nil {
		v.Digest = i.Plan.Digest
	}
	return v
}

// UnmarshalJSON fills To of the embedded incident too.
func (v *Incident) UnmarshalJSON(data []byte) error {
	type plain Incident
	if err := json.Unmarshal(data, (*plain)(v)); err != nil {
		return err
	}
	v.Incident.To = v.To
	return nil
}
