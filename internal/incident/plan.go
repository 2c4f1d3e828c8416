package incident

import (
	"fmt"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/rules"
)

const (
	planPatience = 5 * time.Minute // in all, for one stage
	planWatch    = time.Minute     // for one answer
	planPause    = 5 * time.Second // after a refusal that may pass, at first
)

// plan asks for the plan of the incident's stage.
func (m *move) plan() {
	inc := m.s.Incident
	if inc.Stage >= len(m.p.Stages) {
		m.end(Failed, ripcord, "target %s has no stage %d configured: there is nothing to do it with", m.p.Target, inc.Stage+1)
		return
	}
	if inc.State == Open {
		inc.Deadline = m.now.Add(planPatience)
	}
	m.askPlan()
}

func (m *move) askPlan() {
	inc := m.s.Incident
	inc.Replan = m.now.Add(planWatch)
	m.ask(MakePlan{Incident: inc.ID, Stage: inc.Stage, From: inc.Version, To: inc.To, Revisions: m.s.revisions(inc.To)})
}

// replan asks once more, because no answer came or the plan has expired.
func (m *move) replan() {
	inc := m.s.Incident
	why := "no plan has come yet"
	if inc.Plan != nil && inc.State != Open {
		why = fmt.Sprintf("the plan expires at %s", m.clock(inc.Plan.Expires))
	}
	m.note(KindReplanning, ripcord, "%s: it is made anew", why)
	m.askPlan()
}

// planMade takes a plan for an incident that waits for one.
func (m *move) planMade(in PlanMade) {
	inc := m.open()
	if inc == nil || in.Plan.Incident != inc.ID || inc.Stage >= len(m.p.Stages) || in.Plan.Stage != m.p.Stages[inc.Stage].Name {
		return
	}
	switch inc.State {
	case Open:
		m.firstPlan(in)
	case AwaitingApproval, VetoWindow:
		m.nextPlan(in)
	case Planned, Approved, Executing, Verifying, Recovered, NotRecovered, Denied, Expired, Superseded, AbortedDrift,
		Unverified, Failed, UnknownState:
	}
}

func (m *move) firstPlan(in PlanMade) {
	if !m.adopt(in.Plan) {
		return
	}
	plan := m.s.Incident.Plan
	m.enter(Planned, ripcord, "%s → %s by stage %s, %s, plan %s", plan.From, plan.To, plan.Stage, counted(len(plan.Steps), "step"), actions.Short(plan.Digest))
	m.settle(in.World)
}

// nextPlan replaces a plan that is being asked about. An equal one only lives
// longer; a new one must be asked about anew.
func (m *move) nextPlan(in PlanMade) {
	inc := m.s.Incident
	before := inc.Plan.Digest
	if !inc.planning() || !m.adopt(in.Plan) {
		return
	}
	if inc.Plan.Digest == before {
		m.note(KindReplanning, ripcord, "the plan %s is still what would be done", actions.Short(before))
		return
	}
	m.note(string(Planned), ripcord, "the plan has changed from %s to %s: answers to the old one do not count", actions.Short(before), actions.Short(inc.Plan.Digest))
	m.settle(in.World)
}

// adopt checks a plan and makes it the incident's.
func (m *move) adopt(plan actions.Plan) bool {
	inc := m.s.Incident
	if why := m.unfit(plan); why != "" {
		m.end(Failed, ripcord, "the plan can not be used: %s", why)
		return false
	}
	plan.Expires = utc(plan.Expires)
	inc.Plan, inc.Planned, inc.Replan = &plan, m.now, plan.Expires
	return true
}

// unfit says what is wrong with a plan; nothing empty ever means everything.
func (m *move) unfit(plan actions.Plan) string {
	inc := m.s.Incident
	if err := plan.Check(); err != nil {
		return err.Error()
	}
	switch {
	case plan.Target != m.p.Target:
		return fmt.Sprintf("it is for target %q", plan.Target)
	case plan.To != inc.To || plan.From != inc.Version:
		return fmt.Sprintf("it goes from %q to %q, the incident from %s to %s", plan.From, plan.To, inc.Version, inc.To)
	case len(plan.Steps) == 0:
		return "it has no steps"
	}
	seen := make(map[string]bool, len(plan.Steps))
	for _, step := range plan.Steps {
		if step.ID == "" || seen[step.ID] {
			return fmt.Sprintf("step id %q is empty or used twice", step.ID)
		}
		if step.To.IsZero() {
			return fmt.Sprintf("step %s does not say where it goes to", step.ID)
		}
		seen[step.ID] = true
	}
	return ""
}

// planFailed tries again what may pass and gives up on the rest.
func (m *move) planFailed(in PlanFailed) {
	inc := m.open()
	if inc == nil || !inc.planning() {
		return
	}
	switch in.Code {
	case actions.Retry, actions.Unknown:
		wait := planPause
		if inc.State != Open {
			wait = planWatch // there is a plan that people look at meanwhile
		}
		inc.Replan = m.now.Add(wait)
		m.note(KindReplanning, ripcord, "no plan: %s; the next try is at %s", in.Text, m.clock(inc.Replan))
	case actions.Drift, actions.Denied, actions.Permanent:
		fallthrough
	default:
		m.end(Failed, ripcord, "no plan for %s → %s: %s", inc.Version, inc.To, in.Text)
	}
}

// planning tells whether a plan was asked for and has not come.
func (inc *Incident) planning() bool {
	switch inc.State {
	case Open:
		return true
	case AwaitingApproval, VetoWindow:
		return !inc.Replan.Equal(inc.Plan.Expires)
	case Planned, Approved, Executing, Verifying, Recovered, NotRecovered, Denied, Expired, Superseded, AbortedDrift,
		Unverified, Failed, UnknownState:
	}
	return false
}

// settle decides what follows from a plan: to act, or to ask.
func (m *move) settle(w World) {
	inc := m.s.Incident
	if inc.Manual != "" {
		m.settleManual(w)
		return
	}
	confirmed := inc.confirmed()
	switch {
	case inc.Mode <= rules.Approve:
	case confirmed == nil:
		inc.Ceiling = "it asks until a live holdback confirms" + noted(inc.Decisions[0].Confirmation)
	case !inc.Resolved.IsZero():
		m.lower("%s resolved at %s", inc.Rule, m.clock(inc.Resolved))
	case m.frozen(w) != "":
		m.lower("%s", m.frozen(w))
	case inc.Mode == rules.Veto: // the fuse is asked at the end of the window
	case m.halted(w) != "":
		m.lower("%s", m.halted(w))
	default:
		m.act(ripcord, "%s may act by itself: mode auto, confirmed", confirmed.Rule)
		return
	}
	m.await()
}

// confirmed is a decision that may go as far as the incident's mode and also may
// by its evidence; nil when there is none.
func (inc *Incident) confirmed() *rules.Decision {
	for i := range inc.Decisions {
		if d := &inc.Decisions[i]; d.Confirmed && d.Mode >= inc.Mode {
			return d
		}
	}
	return nil
}

// halted is the sentence of what stands between a plan and its act now.
func (m *move) halted(w World) string {
	switch why := m.frozen(w); {
	case why != "":
		return why
	case !w.Granted:
		return orText(w.Refused, "the fleet has not given leave to act")
	}
	return ""
}

// await asks people. In mode veto the window opens once a message stands.
func (m *move) await() {
	inc := m.s.Incident
	inc.Deadline = m.now.Add(m.p.Expires)
	why := ""
	switch {
	case inc.Ceiling != "":
		why = ", because " + inc.Ceiling
	case inc.Mode == rules.Veto:
		why = "; a veto window of " + span(m.p.Veto) + " opens once the message stands"
	}
	m.enter(AwaitingApproval, ripcord, "%d of %s must say yes by %s%s", m.p.Quorum, people(m.p.Approvers), m.clock(inc.Deadline), why)
	inc.Asked = inc.Revision
}

// posted remembers a notifier's message. The first that shows the plan opens the
// veto window.
func (m *move) posted(in Posted) {
	inc := m.s.Incident
	if inc == nil || inc.ID != in.Incident || in.Notifier == "" {
		return
	}
	have, known := inc.Posts[in.Notifier]
	if known && have == in.Post || !known && len(inc.Posts) >= maxPosts {
		return
	}
	if inc.Posts == nil {
		inc.Posts = make(map[string]Post)
	}
	inc.Posts[in.Notifier] = in.Post
	m.note(KindPosted, ripcord, "%s shows revision %d", in.Notifier, in.Post.Revision)
	if inc.State == AwaitingApproval && inc.Mode == rules.Veto && inc.Ceiling == "" && inc.Resolved.IsZero() && in.Post.Revision >= inc.Asked {
		inc.Deadline = m.now.Add(m.p.Veto)
		m.enter(VetoWindow, ripcord, "acts at %s unless somebody says no", m.clock(inc.Deadline))
	}
}
