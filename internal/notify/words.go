package notify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/rules"
)

// Status says where an incident stands in words, with who and when: "approved by
// ana 10:02:11, executing step 1 of 2". Times are UTC.
func Status(inc *incident.Incident) string {
	text := standing(inc)
	if yes := answered(inc, false); yes != "" && inc.State != incident.AwaitingApproval {
		text = "approved by " + yes + ", " + text
	}
	return text
}

func standing(inc *incident.Incident) string {
	switch inc.State {
	case incident.Open:
		return fmt.Sprintf("opened %s, planning", clock(inc.Opened))
	case incident.Planned:
		return fmt.Sprintf("planned %s", clock(inc.Planned))
	case incident.AwaitingApproval:
		return waiting(inc)
	case incident.VetoWindow:
		return fmt.Sprintf("acts at %s UTC unless somebody vetoes", clock(inc.Deadline))
	case incident.Approved:
		return "about to act"
	case incident.Executing:
		return executing(inc)
	case incident.Verifying:
		return verifying(inc)
	case incident.Denied:
		if no := answered(inc, true); no != "" {
			return "denied by " + no
		}
		return ended(inc, "denied", "nobody is on record")
	case incident.Expired:
		return ended(inc, "expired", "nobody answered in time")
	case incident.Recovered:
		return ended(inc, "recovered", "the rule says that it is better")
	case incident.NotRecovered:
		return ended(inc, "not recovered", "the release is not the cause, or not the only one")
	case incident.Superseded:
		return ended(inc, "superseded", "another release is live")
	case incident.AbortedDrift:
		return ended(inc, "stopped by drift", "the place is neither where the plan starts nor where it leads")
	case incident.Unverified:
		return ended(inc, "unverified", "it is done, and nothing shows whether it helped")
	case incident.Failed:
		return ended(inc, "failed", "it could not be planned or done")
	case incident.UnknownState:
		return ended(inc, "unknown", "nobody can say what the act did: a person decides")
	}
	return words(string(inc.State))
}

func waiting(inc *incident.Incident) string {
	text := "waiting for approval"
	if !inc.Planned.IsZero() {
		text += " since " + clock(inc.Planned)
	}
	if yes := answered(inc, false); yes != "" {
		text += ", approved so far by " + yes
	}
	return text
}

func executing(inc *incident.Incident) string {
	if inc.Exec == nil || inc.Plan == nil {
		return "executing"
	}
	text := fmt.Sprintf("executing step %d of %d", inc.Exec.Step+1, len(inc.Plan.Steps))
	if inc.Exec.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", inc.Exec.Attempt)
	}
	if inc.Exec.Unknown != "" {
		text += fmt.Sprintf("; looking where it stands, because nobody knows whether the call did it: %s", inc.Exec.Unknown)
	}
	return text + byItself(inc)
}

func verifying(inc *incident.Incident) string {
	text := "waiting for the rule to say that it is better"
	if !inc.Moved.IsZero() {
		text = fmt.Sprintf("at %s since %s, %s", inc.To, clock(inc.Moved), text)
	}
	if inc.Verify != nil && inc.Verify.Reason != "" {
		text += ": " + inc.Verify.Reason
	}
	return text + byItself(inc)
}

// byItself marks an act that no person was asked for.
func byItself(inc *incident.Incident) string {
	if answered(inc, false) != "" || inc.Manual != "" {
		return ""
	}
	return fmt.Sprintf(" (mode %s)", inc.Mode)
}

// ended is a terminal word with its time and the incident's verdict, or what the
// word means when there is none.
func ended(inc *incident.Incident, word, meaning string) string {
	why := inc.Verdict
	if why == "" {
		why = meaning
	}
	if strings.HasPrefix(why, word) {
		return fmt.Sprintf("%s (%s)", why, clock(inc.Ended))
	}
	return fmt.Sprintf("%s %s: %s", word, clock(inc.Ended), why)
}

// answered lists who said yes (or no) to the present plan, and when.
func answered(inc *incident.Incident, deny bool) string {
	var names []string
	for _, a := range inc.Approvals {
		if a.Deny != deny || (inc.Plan != nil && a.Digest != inc.Plan.Digest) {
			continue
		}
		text := a.By.Name + " " + clock(a.At)
		if a.Note != "" {
			text += fmt.Sprintf(" (%q)", a.Note)
		}
		names = append(names, text)
	}
	return strings.Join(names, ", ")
}

// percentages are the calls whose values are shares.
var percentages = []string{"share(", "seq_share(", "fpr(", "fnr(", "accuracy(", "precision(", "recall(", "label_coverage(", "null_rate("}

// fields are the numbers of the reading that says most, then the rule's own
// values.
func fields(e rules.Evidence) []Field {
	var out []Field
	if r := telling(e.Slots); r != nil {
		out = append(out, reading(*r)...)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Values)) {
		if v := e.Values[name]; v.State == "" {
			out = append(out, Field{name, number(v.Value)})
		} else {
			out = append(out, Field{name, string(v.State)})
		}
	}
	return out
}

// telling is the first reading with a limit or a test behind it, else the first
// that has a value at all.
func telling(slots []rules.Reading) *rules.Reading {
	var valued *rules.Reading
	for i := range slots {
		r := &slots[i]
		if r.State != "" {
			continue
		}
		if r.Limit != 0 || r.Need != 0 {
			return r
		}
		if valued == nil {
			valued = r
		}
	}
	return valued
}

func reading(r rules.Reading) []Field {
	show := number
	for _, call := range percentages {
		if strings.HasPrefix(r.Call, call) {
			show = percent
		}
	}
	out := []Field{{"value", show(r.Value)}}
	if r.Limit != 0 {
		out = append(out, Field{"limit", show(r.Limit)})
	}
	if r.NPrev > 0 {
		out = append(out, Field{"previous", fmt.Sprintf("%s (n = %s)", show(r.Previous), number(r.NPrev))})
	}
	out = append(out, Field{"n", number(r.N)})
	if r.Low != 0 || r.High != 0 {
		out = append(out, Field{"interval, 95 %", show(r.Low) + " – " + show(r.High)})
	}
	if r.Need != 0 {
		out = append(out, Field{"log e", fmt.Sprintf("%s, fires at %s", number(r.LogE), number(r.Need))})
	}
	return out
}

func number(v float64) string {
	if v == float64(int64(v)) && v < 1e9 && v > -1e9 {
		return fmt.Sprintf("%d", int64(v))
	}
	return fmt.Sprintf("%.4g", v)
}

func percent(v float64) string { return fmt.Sprintf("%.3g %%", 100*v) }

// by names who did it; a rule and Ripcord itself go without saying.
func by(who string) string {
	if name, ok := strings.CutPrefix(who, "person:"); ok {
		return " (" + name + ")"
	}
	return ""
}

func words(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

func until(d time.Duration) string {
	if d <= 0 {
		return "now"
	}
	text := d.Round(time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return "in " + text
}

// shortCommit is the first seven characters of a commit, as git shows it.
func shortCommit(c string) string {
	if len(c) > 7 {
		return c[:7]
	}
	return c
}
