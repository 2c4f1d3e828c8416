package slackstub

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// hook is a response URL that was given out with a click.
type hook struct {
	channel, user string
	used          int
	expires       time.Time
}

// Click presses a button of a message as it stands in m, which may be an older
// copy than the channel shows by now, and sends Slack's signed request to the
// interactivity address. It returns an error where Slack would show its warning
// triangle: no answer within three seconds, or one that is not 200.
func (s *Server) Click(ctx context.Context, m Message, actionID string, u User) error {
	req, err := s.ClickRequest(ctx, m, actionID, u)
	if err != nil {
		return err
	}
	res, err := s.opts.Client.Do(req)
	if err != nil {
		return fmt.Errorf("send the click: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return fmt.Errorf("read the answer to the click: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the click was answered with %s: %s", res.Status, body)
	}
	return nil
}

// ClickRequest is the signed request of Click, not sent: a test may spoil it.
func (s *Server) ClickRequest(ctx context.Context, m Message, actionID string, u User) (*http.Request, error) {
	payload, err := s.Payload(m, actionID, u)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("marshal the click: %w", err)
	}
	return s.Signed(ctx, []byte(url.Values{"payload": {string(raw)}}.Encode()))
}

// Signed is a form request to the interactivity address, signed now.
func (s *Server) Signed(ctx context.Context, form []byte) (*http.Request, error) {
	s.mu.Lock()
	to := s.opts.Interactivity
	s.mu.Unlock()
	if to == "" {
		return nil, errors.New("no interactivity address is set")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(string(form)))
	if err != nil {
		return nil, fmt.Errorf("make the click's request: %w", err)
	}
	ts := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Slack-Request-Timestamp", ts)
	req.Header.Set("X-Slack-Signature", Sign(s.opts.SigningSecret, ts, form))
	return req, nil
}

// Sign is Slack's signature, version 0, of a request.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + timestamp + ":"))
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// Payload is what Slack tells of a click: a block_actions interaction.
func (s *Server) Payload(m Message, actionID string, u User) (map[string]any, error) {
	b, e, err := m.button(actionID)
	if err != nil {
		return nil, err
	}
	orElse(&u.Team, s.opts.Team)
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]any{
		"type":         "block_actions",
		"user":         map[string]any{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.Team},
		"api_app_id":   s.opts.AppID,
		"token":        "deprecated",
		"container":    map[string]any{"type": "message", "message_ts": m.TS, "channel_id": m.Channel, "is_ephemeral": false},
		"trigger_id":   s.stamp() + "." + rand.Text(),
		"team":         map[string]any{"id": s.opts.Team, "domain": "stub"},
		"enterprise":   nil,
		"channel":      map[string]any{"id": m.Channel, "name": "stub"},
		"message":      m.wire(s.opts.AppID, true),
		"state":        map[string]any{"values": map[string]any{}},
		"response_url": s.hook(m.Channel, u.ID),
		"actions": []map[string]any{{
			"type": "button", "action_id": actionID, "block_id": b.BlockID, "value": e.Value, "style": e.Style,
			"text": e.Text, "action_ts": s.stamp(),
		}},
	}, nil
}

// Buttons are the action ids that a message offers, in order.
func (m Message) Buttons() []string {
	var ids []string
	blocks, _ := parseBlocks(orEmpty(m.Blocks)) // they were checked when they came
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.Type == "button" {
				ids = append(ids, e.ActionID)
			}
		}
	}
	return ids
}

func (m Message) button(actionID string) (block, element, error) {
	blocks, err := parseBlocks(orEmpty(m.Blocks))
	if err != nil {
		return block{}, element{}, err
	}
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.Type == "button" && e.ActionID == actionID {
				return b, e, nil
			}
		}
	}
	return block{}, element{}, fmt.Errorf("message %s has no button %s", m.TS, actionID)
}

func orEmpty(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return []byte("[]")
	}
	return raw
}

// hook gives out a response URL; the caller holds the lock.
func (s *Server) hook(channel, user string) string {
	id := rand.Text()
	s.hooks[id] = hook{channel: channel, user: user, expires: time.Now().Add(30 * time.Minute)}
	return s.url + "/actions/" + id
}

// serveHook takes an answer to a click: five at most, within half an hour.
func (s *Server) serveHook(w http.ResponseWriter, r *http.Request) {
	var said struct {
		Text            string          `json:"text"`
		Blocks          json.RawMessage `json:"blocks"`
		ResponseType    string          `json:"response_type"`
		ReplaceOriginal bool            `json:"replace_original"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&said); err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.hooks[r.PathValue("id")]
	if !ok || h.used >= 5 || time.Now().After(h.expires) {
		http.Error(w, "expired_url", http.StatusNotFound)
		return
	}
	h.used++
	s.hooks[r.PathValue("id")] = h
	m := Message{Channel: h.channel, TS: s.stamp(), Text: said.Text, Blocks: said.Blocks, Posted: time.Now(), For: h.user}
	if said.ResponseType == "in_channel" {
		m.For = ""
		s.messages = append(s.messages, m)
	} else {
		s.ephemerals = append(s.ephemerals, m)
	}
	s.signal()
	_, _ = io.WriteString(w, "ok")
}
