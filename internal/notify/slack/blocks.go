package slack

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/slack-go/slack"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/notify"
)

// What an answer of ours is known by when it comes back.
const (
	askBlock      = "ripcord_ask"
	approveAction = "ripcord_approve"
	denyAction    = "ripcord_deny"
)

// The lengths of the parts. Together they stay below 9,000 characters: Slack
// refuses messages with about 13,000, though each block may have 3,000.
const (
	maxHeader   = 150
	maxSentence = 1500
	maxName     = 40
	maxNumber   = 120
	maxFields   = 8
	maxPlan     = 1800
	maxStatus   = 1000
	maxNotice   = 600
	maxSmall    = 220
	maxSmalls   = 8
	maxFallback = 800
	maxPlain    = 2800
	maxQuestion = 300
)

// blocks are a message in Block Kit. Text of strangers stands in plain_text
// objects, or in code spans; only words of ours are marked up.
func (n *Notifier) blocks(m notify.Message) []slack.Block {
	if m.Header == "" {
		return plainBlocks(m.Fallback)
	}
	why := m.Sentence
	if m.Evidence != "" {
		why += "\n" + m.Evidence
	}
	out := []slack.Block{
		slack.NewHeaderBlock(plain(line(m.Header, maxHeader))),
		section(fit(why, maxSentence)),
	}
	if len(m.Fields) > 0 {
		out = append(out, fieldBlock(m.Fields))
	}
	if len(m.Plan) > 0 {
		out = append(out, section(fit(planText(m.Plan), maxPlan)))
	}
	out = append(out, section(line(m.Status, maxStatus)))
	if m.Notice != "" {
		out = append(out, section("⚠ "+line(m.Notice, maxNotice)))
	}
	if m.Ask != nil {
		out = append(out, n.askBlock(m))
	}
	return append(out, contextBlock(m))
}

// plainBlocks is a text in its plainest form. There is always a block, because an
// update without blocks keeps the old ones, with their buttons.
func plainBlocks(text string) []slack.Block {
	return []slack.Block{section(fit(text, maxPlain))}
}

func plain(escaped string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, escaped, false, false)
}

// marked is mrkdwn in which Slack makes no links of its own.
func marked(escaped string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, escaped, false, true)
}

func section(escaped string) slack.Block {
	return slack.NewSectionBlock(plain(escaped), nil, nil)
}

// unmarked takes the marks out of a field's name, which stands in bold.
var unmarked = strings.NewReplacer("*", "", "~", "", "`", "")

func fieldBlock(fields []notify.Field) slack.Block {
	var out []*slack.TextBlockObject
	for _, f := range fields[:min(len(fields), maxFields)] {
		out = append(out, marked(fmt.Sprintf("*%s*\n%s", line(unmarked.Replace(f.Name), maxName), code(f.Value, maxNumber))))
	}
	return slack.NewSectionBlock(nil, out, nil)
}

var progressMark = map[notify.Progress]string{notify.Waiting: "○", notify.Doing: "▶", notify.Done: "✓"}

func planText(lines []notify.Line) string {
	var b strings.Builder
	for i, l := range lines {
		text := strings.ReplaceAll(fmt.Sprintf("%s (%s → %s)", shorten(l.Text, 300), shorten(l.From, 80), shorten(l.To, 80)), "\n", " ")
		fmt.Fprintf(&b, "%s %d. %s\n", progressMark[l.Progress], i+1, text)
	}
	return b.String()
}

func contextBlock(m notify.Message) slack.Block {
	var out []slack.MixedElement
	for _, c := range m.Context[:min(len(m.Context), maxSmalls)] {
		out = append(out, plain(line(c, maxSmall)))
	}
	if u, err := url.Parse(m.Link); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		out = append(out, marked("<"+strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E").Replace(u.String())+"|open in the console>"))
	}
	return slack.NewContextBlock("", out...)
}

func (n *Notifier) askBlock(m notify.Message) slack.Block {
	value := seal(n.cfg.ButtonKey, question{Incident: m.Incident, Revision: m.Revision, Digest: m.Ask.Digest})
	move := fmt.Sprintf("%s %s → %s, plan %s", shorten(m.Target, 60), shorten(m.Ask.From, 60), shorten(m.Ask.To, 60), actions.Short(m.Ask.Digest))
	var buttons []slack.BlockElement
	if m.Ask.Approve {
		buttons = append(buttons, button(approveAction, value, "Approve rollback", slack.StylePrimary,
			dialog("Roll back?", move, "Roll back", slack.StylePrimary)))
	}
	if m.Ask.Deny {
		word := "Deny"
		if !m.Ask.Approve {
			word = "Veto"
		}
		buttons = append(buttons, button(denyAction, value, word, slack.StyleDanger,
			dialog(word+" the rollback?", move, word, slack.StyleDanger)))
	}
	return slack.NewActionBlock(askBlock, buttons...)
}

func button(action, value, word string, style slack.Style, confirm *slack.ConfirmationBlockObject) slack.BlockElement {
	return slack.NewButtonBlockElement(action, value, plain(word)).WithStyle(style).WithConfirm(confirm)
}

func dialog(title, text, yes string, style slack.Style) *slack.ConfirmationBlockObject {
	return slack.NewConfirmationBlockObject(plain(title), plain(line(text, maxQuestion)), plain(yes), plain("Cancel")).WithStyle(style)
}
