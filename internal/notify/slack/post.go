package slack

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/ripcord-dev/ripcord/internal/notify"
)

// What the metadata of our messages say they are.
const (
	headType  = "ripcord_incident"
	lineType  = "ripcord_line"
	notedType = "ripcord_note"
)

// head finds or posts the message of an incident, and rewrites it when it shows
// less than is known.
func (n *Notifier) head(ctx context.Context, u notify.Update, m notify.Message) (*thread, error) {
	t := n.memory.threads[m.Incident]
	if post, ok := u.Incident.Posts[n.cfg.Name]; t == nil && ok {
		t = n.memory.keep(m.Incident, &thread{channel: post.Channel, ts: post.TS, shown: -1, confirmed: true, said: map[string]bool{}})
		t.question = "" // a question that is asked again is confirmed again, if its revision differs
	}
	if t == nil {
		return n.postHead(ctx, u, m, n.doubt(m.Incident, u.At))
	}
	if !t.outdated(u, m) {
		return t, nil
	}
	err := n.call(ctx, "chat.update", func(ctx context.Context, api *slack.Client) error {
		return n.plainer(m, func(blocks []slack.Block) error {
			_, _, _, err := api.UpdateMessageContext(ctx, t.channel, t.ts, n.options(m, blocks, headMetadata(m))...)
			return err
		})
	})
	if err != nil && faultOf(err) == gone {
		n.log.Warn().Str("incident", m.Incident).Msg("the message in Slack is gone, posting a new one")
		return n.postHead(ctx, u, m, 0)
	}
	if err != nil {
		return nil, err
	}
	t.shown, t.face = m.Revision, faceOf(m)
	return t, nil
}

// outdated tells whether the head must be rewritten: only by the newest record,
// or by the end of the incident, never back to an older revision, and not when
// it says the same already.
func (t *thread) outdated(u notify.Update, m notify.Message) bool {
	if t.shown > m.Revision || (!u.Latest && !m.State.Terminal()) {
		return false
	}
	return t.face != faceOf(m)
}

// doubt is how likely it is that a message has been posted before.
type doubt int

const (
	maybe   doubt = iota + 1 // by another process, or by this one before it started
	certain                  // a reply to its posting was lost
)

// fresh is how old an update may be that surely nobody else has told already.
const fresh = 15 * time.Second

// doubt is zero when this process is the first that can have met the update.
func (n *Notifier) doubt(key string, at time.Time) doubt {
	switch {
	case n.memory.lost[key]:
		return certain
	case at.Before(n.started) || time.Since(at) > fresh:
		return maybe
	}
	return 0
}

func (n *Notifier) postHead(ctx context.Context, u notify.Update, m notify.Message, d doubt) (*thread, error) {
	t := &thread{channel: n.cfg.Channel, said: map[string]bool{}}
	shown := 0
	err := n.post(ctx, m, d, posting{
		key: m.Incident,
		find: func(ctx context.Context) (err error) {
			t.ts, shown, err = n.find(ctx, headType, "incident", m.Incident, u.Incident.Opened.Add(-time.Minute))
			return err
		},
		found: func() bool { return t.ts != "" },
		sent:  func(ts string) { t.ts, shown, t.face, t.complete = ts, m.Revision, faceOf(m), true },
		opts:  func(blocks []slack.Block) []slack.MsgOption { return n.options(m, blocks, headMetadata(m)) },
	})
	if err != nil {
		return nil, err
	}
	t.shown = shown
	n.memory.keep(m.Incident, t)
	if !t.complete {
		n.log.Info().Str("incident", m.Incident).Msg("found the message in Slack that had been posted before")
		return n.head(ctx, u, m)
	}
	return t, nil
}

// posting is one message to post: how to find it when it is there already, and
// what to send when it is not.
type posting struct {
	key   string
	find  func(context.Context) error
	found func() bool
	sent  func(ts string)
	opts  func([]slack.Block) []slack.MsgOption
}

// post sends a message at most once as far as Slack lets us know: when there is a
// doubt it looks first, and after a lost reply it looks before it repeats. A
// lookup that the app may not make does not silence it.
func (n *Notifier) post(ctx context.Context, m notify.Message, d doubt, p posting) error {
	return n.call(ctx, "chat.postMessage", func(ctx context.Context, api *slack.Client) error {
		if d != 0 {
			if err := p.find(ctx); err != nil && !ignorable(err, d) {
				return err
			}
			if p.found() {
				return nil
			}
			if err := n.wait(ctx); err != nil {
				return err
			}
		}
		err := n.plainer(m, func(blocks []slack.Block) error {
			_, ts, err := api.PostMessageContext(ctx, n.cfg.Channel, p.opts(blocks)...)
			if err == nil {
				p.sent(ts)
			}
			return err
		})
		if err != nil && sortError("", err).fault == lost {
			d = certain
			n.memory.lost[p.key] = true
		}
		return err
	})
}

// ignorable tells the lookups that fail without holding a message up: those that
// the app may never make, and a full limit when a double is only a chance.
func ignorable(err error, d doubt) bool {
	f := faultOf(err)
	return f == fatal || (f == refused && d == maybe)
}

// plainer sends a message, and once more in its plainest form when Slack does not
// take the blocks: an incident is told in any case.
func (n *Notifier) plainer(m notify.Message, send func([]slack.Block) error) error {
	err := send(n.blocks(m))
	if err == nil || sortError("", err).fault != content {
		return err
	}
	n.log.Error().Err(sortError("chat", err)).Str("incident", m.Incident).Msg("Slack does not take the message's form, sending plain words")
	return send(plainBlocks(m.Fallback))
}

func (n *Notifier) options(m notify.Message, blocks []slack.Block, about slack.SlackMetadata) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(fit(m.Fallback, maxFallback), false),
		slack.MsgOptionBlocks(blocks...),
		slack.MsgOptionDisableMarkdown(), // of the text; blocks say it for themselves
		slack.MsgOptionMetadata(about),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
	}
}

func headMetadata(m notify.Message) slack.SlackMetadata {
	return slack.SlackMetadata{EventType: headType, EventPayload: map[string]any{"incident": m.Incident, "revision": m.Revision}}
}

// tell adds the update's lines to the thread, as one message.
func (n *Notifier) tell(ctx context.Context, u notify.Update, m notify.Message, t *thread) error {
	key := keyOf(u)
	if len(m.Thread) == 0 || t.said[key] {
		return nil
	}
	line := notify.Message{Incident: m.Incident, Fallback: strings.Join(m.Thread, "\n")}
	d := maybe
	if t.complete {
		d = 0
	}
	about := slack.SlackMetadata{EventType: lineType, EventPayload: map[string]any{"incident": m.Incident, "revision": m.Revision, "key": key}}
	err := n.post(ctx, line, d, posting{
		key:   key,
		find:  func(ctx context.Context) error { return n.learn(ctx, t) },
		found: func() bool { return t.said[key] },
		sent:  func(string) { t.said[key] = true },
		opts: func(blocks []slack.Block) []slack.MsgOption {
			return append(n.options(line, blocks, about), slack.MsgOptionTS(t.ts))
		},
	})
	if n.memory.lost[key] {
		t.complete = t.said[key]
		delete(n.memory.lost, key)
	}
	if err != nil && faultOf(err) == gone {
		n.log.Warn().Err(err).Str("incident", m.Incident).Msg("the thread in Slack is gone, its line is left out")
		return nil // the next rewriting of the head posts a new one
	}
	return err
}

// note posts the one line of an update without an incident.
func (n *Notifier) note(ctx context.Context, u notify.Update, m notify.Message) error {
	key := keyOf(u)
	if n.memory.notes[key] {
		return nil
	}
	about := slack.SlackMetadata{EventType: notedType, EventPayload: map[string]any{"target": u.Target, "key": key}}
	there := false
	err := n.post(ctx, m, n.doubt(key, u.At), posting{
		key: key,
		find: func(ctx context.Context) error {
			ts, _, err := n.find(ctx, notedType, "key", key, u.At.Add(-time.Minute))
			there = ts != ""
			return err
		},
		found: func() bool { return there },
		sent:  func(string) {},
		opts:  func(blocks []slack.Block) []slack.MsgOption { return n.options(m, blocks, about) },
	})
	if err == nil {
		n.memory.noted(key)
	}
	return err
}

// pages bounds a lookup: a channel so busy that our message is not among its
// last thousand since the incident is not searched further.
const pages, perPage = 5, 200

// find looks a message up in the channel by its metadata, with the revision that
// it shows; an empty ts means that it is not there.
func (n *Notifier) find(ctx context.Context, kind, field, value string, since time.Time) (ts string, revision int, err error) {
	ask := slack.GetConversationHistoryParameters{
		ChannelID: n.cfg.Channel, Limit: perPage, IncludeAllMetadata: true, Inclusive: true,
		Oldest: strconv.FormatInt(since.Unix(), 10) + ".000000",
	}
	for range pages {
		var page *slack.GetConversationHistoryResponse
		err := n.once(ctx, "conversations.history", func(ctx context.Context, api *slack.Client) (err error) {
			page, err = api.GetConversationHistoryContext(ctx, &ask)
			return err
		})
		if err != nil {
			return "", 0, err
		}
		for _, msg := range page.Messages {
			if msg.Metadata.EventType == kind && msg.Metadata.EventPayload[field] == value {
				shown, _ := msg.Metadata.EventPayload["revision"].(float64)
				return msg.Timestamp, int(shown), nil
			}
		}
		if ask.Cursor = page.ResponseMetaData.NextCursor; ask.Cursor == "" {
			break
		}
		if err := n.wait(ctx); err != nil {
			return "", 0, err
		}
	}
	return "", 0, nil
}

// learn reads which lines a thread holds, as far back as its pages go.
func (n *Notifier) learn(ctx context.Context, t *thread) error {
	ask := slack.GetConversationRepliesParameters{ChannelID: t.channel, Timestamp: t.ts, Limit: perPage, IncludeAllMetadata: true}
	for range pages {
		var page []slack.Message
		err := n.once(ctx, "conversations.replies", func(ctx context.Context, api *slack.Client) (err error) {
			page, _, ask.Cursor, err = api.GetConversationRepliesContext(ctx, &ask)
			return err
		})
		if err != nil {
			return err
		}
		for _, msg := range page {
			if key, ok := msg.Metadata.EventPayload["key"].(string); ok && msg.Metadata.EventType == lineType {
				t.said[key] = true
			}
		}
		if ask.Cursor == "" {
			t.complete = true
			return nil
		}
		if err := n.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}
