// Package demo plays the story that Ripcord was made for, on one machine and with
// nothing made up: a fraud model that was better in testing goes live and blocks
// two in five legitimate payments; the daemon detects it, asks, takes the release
// back and verifies. The daemon is `ripcord run` in a process of its own, with
// files that a reader can open; the scoring service, the payment front and the
// stand-in for Slack speak HTTP and NATS as the real ones do.
package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/slackstub"
)

// Options say how the story is played.
type Options struct {
	Dir      string // holds everything that the story writes; is made anew
	Mode     string // approve or auto
	Keep     bool   // stay up after the end, until ctx ends
	Headless bool   // plain lines, and a JSON line at the end
	Binary   string // the ripcord to run
	Screen   *Screen
}

// Pace of the story. The healthy part must be longer than known_good_after and
// give seq_share a history; the reading is what a quick person needs.
const (
	perSecond = 50
	healthy   = 12 * time.Second
	reading   = 1500 * time.Millisecond
	patience  = 75 * time.Second
)

// Report is how it went. Times are milliseconds since the first answer of v42,
// negative for what did not happen.
type Report struct {
	Kind        string `json:"kind"`
	Mode        string `json:"mode"`
	DetectedMS  int64  `json:"detected_ms"`
	AskedMS     int64  `json:"asked_ms"` // the message with its button is in the channel
	ApprovedMS  int64  `json:"approved_ms"`
	HealthyMS   int64  `json:"healthy_ms"`
	RecoveredMS int64  `json:"recovered_ms"`
	Blocked     int    `json:"blocked"`
	Incident    string `json:"incident"`
	State       string `json:"state"`
	Recovered   bool   `json:"recovered"`
}

// ErrNotRecovered says that the story did not end well.
var ErrNotRecovered = errors.New("the incident did not end as recovered")

// Play plays the story once.
func Play(ctx context.Context, opts Options) (Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := setTheStage(ctx, opts)
	if err != nil {
		return Report{}, err
	}
	defer s.strike()
	report, err := s.play(ctx)
	if err != nil {
		return report, err
	}
	s.screen.figures(report, s.front.Tally())
	s.screen.whereToLook(s.world, s.slack)
	if opts.Keep {
		s.screen.say("  still up: export RIPCORD_URL=http://%s", s.world.WebAddr)
		s.screen.say("  then: bin/ripcord targets fraud-scorer, show %s, journal verify, journal export; Ctrl-C ends", report.Incident)
		<-ctx.Done()
	}
	if !report.Recovered {
		return report, fmt.Errorf("%w: it is %s", ErrNotRecovered, report.State)
	}
	return report, nil
}

func (s *stage) play(ctx context.Context) (Report, error) {
	if err := s.release(ctx, modelV41.Version, ""); err != nil {
		return Report{}, err
	}
	s.screen.event(-healthy, "v41 serves", fmt.Sprintf("%d payments a second; its history is what v42 will be compared with", perSecond))
	if err := s.rest(ctx, healthy); err != nil {
		return Report{}, err
	}
	changes := make(chan client.Change, 64)
	go s.follow(ctx, changes)
	if err := s.deploy(ctx, modelV42); err != nil {
		return Report{}, err
	}
	live, err := s.firstAnswer(ctx, modelV42.Version)
	if err != nil {
		return Report{}, err
	}
	s.screen.zero = live
	s.screen.event(0, "v42 goes live", "2 % better in testing; takes 90 % of the payments, 10 % stay on v41")
	if s.stub != nil && s.opts.Mode == "approve" {
		go s.clickApprove(ctx)
	}
	return s.watch(ctx, live, changes)
}

// watch follows the incident to its end.
func (s *stage) watch(ctx context.Context, live time.Time, changes <-chan client.Change) (Report, error) {
	r := Report{Kind: "demo", Mode: s.opts.Mode, DetectedMS: -1, AskedMS: -1, ApprovedMS: -1, HealthyMS: -1, RecoveredMS: -1}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return r, fmt.Errorf("the incident has not ended after %s (it is %q): see the log %s", patience, r.State, s.logPath())
		case err := <-s.broken:
			return r, err
		case c := <-changes:
			for _, e := range c.Entries {
				s.note(&r, live, e)
			}
			if c.Incident == nil || !c.Incident.State.Terminal() {
				continue
			}
			r.Incident, r.State = c.Incident.ID, string(c.Incident.State)
			r.Recovered = c.Incident.State == incident.Recovered
			s.measure(&r, live)
			return r, nil
		}
	}
}

// note shows one transition and keeps its time.
func (s *stage) note(r *Report, live time.Time, e incident.Entry) {
	since := e.At.Sub(live)
	set := func(ms *int64) {
		if *ms < 0 {
			*ms = since.Milliseconds()
		}
	}
	switch incident.State(e.Kind) {
	case incident.Open:
		set(&r.DetectedMS)
		s.screen.event(since, "detected", e.Text)
	case incident.Approved:
		set(&r.ApprovedMS)
		s.screen.event(since, "approved", e.Text)
	case incident.Recovered:
		set(&r.RecoveredMS)
		s.screen.event(since, "recovered", e.Text)
	case incident.Planned, incident.AwaitingApproval, incident.VetoWindow, incident.Executing, incident.Verifying,
		incident.NotRecovered, incident.Denied, incident.Expired, incident.Superseded, incident.AbortedDrift,
		incident.Unverified, incident.Failed, incident.UnknownState:
		s.screen.event(since, e.Kind, e.Text)
	default:
		if e.Incident != "" && e.Kind != "posted" {
			s.screen.event(since, e.Kind, e.Text)
		}
	}
}

// measure takes from the front what the customers saw: the first answer of the old
// release to a payment that v42 had taken, and how many legitimate payments it blocked.
func (s *stage) measure(r *Report, live time.Time) {
	tally := s.front.Tally()
	r.Blocked = tally.Blocked[modelV42.Version]
	if !tally.Healthy.IsZero() {
		r.HealthyMS = tally.Healthy.Sub(live).Milliseconds()
	}
	if at := s.askedAt.get(); !at.IsZero() {
		r.AskedMS = at.Sub(live).Milliseconds()
	}
}

// clickApprove waits for the message with its button, reads it, and clicks.
func (s *stage) clickApprove(ctx context.Context) {
	m, err := s.stub.WaitMessage(ctx, offersApproval)
	if err != nil {
		return
	}
	s.askedAt.set(time.Now())
	s.screen.slackMessage(slackstub.Text(m))
	if s.rest(ctx, reading) != nil {
		return
	}
	s.screen.event(time.Since(s.screen.zero), "click", "ana clicks Approve; Slack's request is signed")
	if err := s.stub.Click(ctx, m, "ripcord_approve", s.approver()); err != nil {
		s.fail(fmt.Errorf("click Approve: %w", err))
	}
}

func offersApproval(m slackstub.Message) bool {
	for _, action := range m.Buttons() {
		if action == "ripcord_approve" {
			return true
		}
	}
	return false
}
