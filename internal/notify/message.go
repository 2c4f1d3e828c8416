package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/rules"
)

// Message is what people are told of an incident, before any notifier has given
// it a form. Every string may hold text of strangers (labels, versions, notes)
// and is raw: each notifier escapes for its own medium.
type Message struct {
	Target   string
	Incident string // empty for a note about a target without an incident
	Revision int
	State    incident.State
	Severity string

	Header   string  // [CRITICAL] fraud-scorer v42 → v41
	Sentence string  // what is wrong, in one sentence
	Evidence string  // the numbers behind it, when Sentence does not hold them
	Fields   []Field // the same numbers, one by one
	Plan     []Line  // the steps of the present stage
	Status   string  // where the incident stands, with who and when
	Notice   string  // what changed while people were asked; empty when nothing did
	Context  []string
	Link     string // of the incident in the console; empty without one

	// Ask is what people may answer now; nil when there is nothing to answer.
	Ask *Ask
	// Fallback is the whole in a line or two, for screen readers and pagers.
	Fallback string
	// Thread is the story: one line for each transition of the update.
	Thread []string
}

// Field is one number with its name.
type Field struct{ Name, Value string }

// Line is one step of the plan.
type Line struct {
	Text     string
	Place    string
	From, To string
	Progress Progress
}

// Progress tells how far a step of the plan is.
type Progress string

// The three places of a step in a plan that is under way.
const (
	Waiting Progress = "waiting"
	Doing   Progress = "doing"
	Done    Progress = "done"
)

// Ask says which answers are open, for which plan, and until when.
type Ask struct {
	Approve, Deny bool
	Digest        string
	From, To      string
	Expires       time.Time
}

// Empty tells a message that has nothing to say.
func (m Message) Empty() bool { return m.Fallback == "" && len(m.Thread) == 0 }

// Render makes the message of an update. It depends on nothing but its
// arguments, so that the same record gives the same message after a restart;
// link may be nil. Relative times are relative to u.At.
func Render(u Update, link func(incidentID string) string) Message {
	if u.Incident == nil {
		return note(u)
	}
	inc := u.Incident
	m := Message{
		Target: u.Target, Incident: inc.ID, Revision: inc.Revision, State: inc.State, Severity: inc.Severity,
		Header:   header(inc),
		Sentence: sentence(inc),
		Plan:     planLines(inc),
		Status:   Status(inc),
		Notice:   notice(inc),
		Ask:      ask(inc),
		Thread:   thread(u.Entries),
	}
	if d := first(inc); d != nil {
		m.Fields = fields(d.Evidence)
		if d.Evidence.Reason != m.Sentence {
			m.Evidence = d.Evidence.Reason
		}
	}
	m.Context = contextLines(inc, u.At)
	if link != nil {
		m.Link = link(inc.ID)
	}
	m.Fallback = fmt.Sprintf("%s: %s (%s)", m.Header, m.Sentence, m.Status)
	return m
}

// spoken are the entries without an incident that people want to hear of.
var spoken = map[string]bool{
	incident.KindHeld: true, incident.KindFrozen: true, incident.KindUnfrozen: true,
	incident.KindQuarantined: true, incident.KindLifted: true,
}

// note is the one-line message of entries that belong to no incident.
func note(u Update) Message {
	m := Message{Target: u.Target}
	var lines []string
	for _, e := range u.Entries {
		if spoken[e.Kind] {
			lines = append(lines, fmt.Sprintf("%s: %s%s", u.Target, told(e), by(e.By)))
		}
	}
	m.Sentence = strings.Join(lines, "\n")
	m.Fallback = m.Sentence
	return m
}

func header(inc *incident.Incident) string {
	word := inc.Severity
	if word == "" && inc.Manual != "" {
		word = "manual"
	}
	if word == "" {
		word = "incident"
	}
	h := fmt.Sprintf("[%s] %s %s", strings.ToUpper(word), inc.Target, inc.Version)
	if inc.To != "" {
		h += " → " + inc.To
	}
	return h
}

func first(inc *incident.Incident) *rules.Decision {
	if len(inc.Decisions) == 0 {
		return nil
	}
	return &inc.Decisions[0]
}

func sentence(inc *incident.Incident) string {
	d := first(inc)
	switch {
	case d != nil && d.Summary != "":
		return d.Summary
	case d != nil && d.Evidence.Reason != "":
		return d.Evidence.Reason
	case inc.Manual != "":
		return fmt.Sprintf("%s asked to take %s back from %s", inc.Manual, inc.Target, inc.Version)
	}
	return fmt.Sprintf("rule %s fired on %s %s", inc.Rule, inc.Target, inc.Version)
}

// notice tells people who are being asked that the rule has let go by itself.
func notice(inc *incident.Incident) string {
	if inc.Resolved.IsZero() || inc.State.Terminal() {
		return ""
	}
	text := "the rule resolved by itself at " + clock(inc.Resolved)
	if inc.ResolvedReason != "" {
		text += ": " + inc.ResolvedReason
	}
	return text
}

func ask(inc *incident.Incident) *Ask {
	if inc.Plan == nil {
		return nil
	}
	a := Ask{Digest: inc.Plan.Digest, From: inc.Plan.From, To: inc.Plan.To, Expires: inc.Deadline, Deny: true}
	switch inc.State {
	case incident.AwaitingApproval:
		a.Approve = true
		return &a
	case incident.VetoWindow:
		return &a
	case incident.Open, incident.Planned, incident.Approved, incident.Executing, incident.Verifying,
		incident.Recovered, incident.NotRecovered, incident.Denied, incident.Expired, incident.Superseded,
		incident.AbortedDrift, incident.Unverified, incident.Failed, incident.UnknownState:
	}
	return nil
}

func planLines(inc *incident.Incident) []Line {
	if inc.Plan == nil {
		return nil
	}
	lines := make([]Line, len(inc.Plan.Steps))
	for i, s := range inc.Plan.Steps {
		text := s.Text
		if text == "" {
			text = s.Kind + " " + s.Place
		}
		lines[i] = Line{Text: text, Place: s.Place, From: revision(s.From), To: revision(s.To), Progress: progress(inc, i)}
	}
	return lines
}

func revision(r actions.Revision) string {
	if r.Rev == "" {
		return actions.Short(r.Digest)
	}
	return r.Rev
}

func progress(inc *incident.Incident, step int) Progress {
	switch {
	case !inc.Moved.IsZero() && (inc.State == incident.Verifying || inc.State == incident.Recovered):
		return Done
	case inc.Exec == nil || step > inc.Exec.Step:
		return Waiting
	case step < inc.Exec.Step || inc.Exec.Done:
		return Done
	}
	return Doing
}

// contextLines are the small print: what an auditor asks for first.
func contextLines(inc *incident.Incident, now time.Time) []string {
	var lines []string
	if d := first(inc); d != nil {
		at := d.Rule
		if d.Commit != "" {
			at += "@" + shortCommit(d.Commit)
		}
		lines = append(lines, "rule "+at)
	}
	if inc.Plan != nil {
		lines = append(lines, fmt.Sprintf("plan %s, stage %s", actions.Short(inc.Plan.Digest), inc.Plan.Stage))
	}
	lines = append(lines, fmt.Sprintf("incident %s, opened %s UTC", inc.ID, inc.Opened.UTC().Format("2006-01-02 15:04:05")))
	if a := ask(inc); a != nil && !a.Expires.IsZero() {
		lines = append(lines, fmt.Sprintf("expires %s UTC, %s", a.Expires.UTC().Format("2006-01-02 15:04:05"), until(a.Expires.Sub(now))))
	}
	if inc.Ceiling != "" {
		lines = append(lines, fmt.Sprintf("mode %s: %s", inc.Mode, inc.Ceiling))
	}
	for _, d := range inc.Decisions[min(1, len(inc.Decisions)):] {
		lines = append(lines, fmt.Sprintf("also rule %s: %s", d.Rule, d.Evidence.Reason))
	}
	if d := first(inc); d != nil && d.Runbook != "" {
		lines = append(lines, "runbook "+d.Runbook)
	}
	return lines
}

func thread(entries []incident.Entry) []string {
	var lines []string
	for _, e := range entries {
		if !e.Quiet() {
			lines = append(lines, fmt.Sprintf("%s %s%s", clock(e.At), told(e), by(e.By)))
		}
	}
	return lines
}

// told is an entry's sentence with its kind before it, unless it says that
// itself.
func told(e incident.Entry) string {
	if kind := words(e.Kind); !strings.HasPrefix(e.Text, kind) {
		return kind + ": " + e.Text
	}
	return e.Text
}
