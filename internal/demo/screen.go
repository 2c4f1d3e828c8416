package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ripcord-dev/ripcord/internal/slackstub"
)

// Screen shows the story as it happens: one line for each thing, with the seconds
// since the bad release went live.
type Screen struct {
	Out   io.Writer
	Color bool // marks good and bad; off when not a terminal
	Width int  // 0 means 100

	mu   sync.Mutex
	zero time.Time
}

const (
	bold  = "1"
	red   = "31"
	green = "32"
	faint = "2"
)

func (s *Screen) paint(style, text string) string {
	if !s.Color {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (s *Screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.Out, format+"\n", args...)
}

// event is one line of the timeline; long texts go on under themselves.
func (s *Screen) event(since time.Duration, what, text string) {
	const left = 9 + 2 + 17 + 1
	style := bold
	switch what {
	case "v42 goes live", "detected", "not_recovered", "failed", "unknown", "expired", "aborted_drift", "unverified":
		style = red
	case "approved", "recovered":
		style = green
	}
	label := fmt.Sprintf("%-17s", strings.ReplaceAll(what, "_", " "))
	lines := wrap(text, max(s.width()-left, 30))
	s.say("%+7.1f s  %s %s", since.Seconds(), s.paint(style, label), lines[0])
	for _, line := range lines[1:] {
		s.say("%s%s", strings.Repeat(" ", left), line)
	}
}

func (s *Screen) width() int {
	if s.Width > 0 {
		return s.Width
	}
	return 100
}

// wrap breaks text at spaces into lines of at most n characters, where it can.
func wrap(text string, n int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > n {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func (s *Screen) opening(w World, stub *slackstub.Server) {
	s.say("%s", s.paint(bold, "Ripcord: a fraud model goes wrong, mode "+w.Mode))
	s.say("")
	s.say("  daemon    http://%s   (ripcord run --config %s/ripcord.yml)", w.WebAddr, w.Dir)
	s.say("  rules     %s/fraud-scorer.rules.yml", w.Dir)
	s.say("  scorer    %s   serves what %s/current points to", w.Scorer, w.Dir)
	if stub != nil {
		s.say("  Slack     %s   (a stand-in that speaks Slack's protocol)", stub.PageURL())
	} else {
		s.say("  Slack     your workspace, channel %s: approve there, or with: ripcord approve ID", w.Slack.Channel)
	}
	s.say("")
}

// slackMessage shows the message as people see it in the channel.
func (s *Screen) slackMessage(text string) {
	s.event(time.Since(s.zero), "Slack asks", "")
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		for _, part := range wrapKeep(strings.TrimRight(line, "\n"), s.width()-14) {
			s.say("           %s %s", s.paint(faint, "│"), part)
		}
	}
}

// wrapKeep is wrap for a line whose own spaces matter when it fits.
func wrapKeep(line string, n int) []string {
	if len([]rune(line)) <= n {
		return []string{line}
	}
	return wrap(line, n)
}

// figures are the answer to the story.
func (s *Screen) figures(r Report, t Tally) {
	seconds := func(ms int64) string {
		if ms < 0 {
			return "    -"
		}
		return fmt.Sprintf("%5.1f s", float64(ms)/1000)
	}
	between := func(a, b int64) string {
		if a < 0 || b < 0 {
			return "    -"
		}
		return seconds(b - a)
	}
	legit, blocked := t.Legit[modelV42.Version], t.Blocked[modelV42.Version]
	s.say("")
	s.say("  bad version live → detected        %s", seconds(r.DetectedMS))
	if r.AskedMS >= 0 {
		s.say("  bad version live → Slack asks      %s", seconds(r.AskedMS))
	}
	s.say("  detected → approved                %s", between(r.DetectedMS, r.ApprovedMS))
	s.say("  approved → traffic healthy         %s", between(r.ApprovedMS, r.HealthyMS))
	s.say("  traffic healthy → verified         %s", between(r.HealthyMS, r.RecoveredMS))
	s.say("  %s", s.paint(bold, "bad version live → traffic healthy "+seconds(r.HealthyMS)))
	s.say("")
	if legit > 0 && r.HealthyMS > 0 {
		perSecond := float64(blocked) / (float64(r.HealthyMS) / 1000)
		s.say("  legitimate payments blocked        %s of %s (%.0f %%)", humanize.Comma(int64(blocked)), humanize.Comma(int64(legit)), 100*float64(blocked)/float64(legit))
		s.say("  in two hours, by hand, it would have been %s", humanize.Comma(int64(perSecond*7200/100)*100))
	}
	s.say("")
}

func (s *Screen) whereToLook(w World, place SlackPlace) {
	s.say("  the rule       %s/fraud-scorer.rules.yml", w.Dir)
	s.say("  the daemon     %s/ripcord.yml, its log %s/ripcord.log", w.Dir, w.Dir)
	s.say("  the releases   %s/releases: compare the two model.json", w.Dir)
	s.say("  the journal    make demo KEEP=1 stays up, and says how to read it")
	if !place.Real {
		s.say("  your Slack     set SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET and SLACK_CHANNEL")
	}
}
