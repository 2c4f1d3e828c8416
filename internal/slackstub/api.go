package slackstub

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reply is what a method answers beside ok.
type reply map[string]any

// refusal is Slack's word for what is wrong, with its explanations.
type refusal struct {
	word     string
	messages []string
}

func (r refusal) Error() string { return r.word }

func (s *Server) methods() map[string]func(args map[string]string) (reply, error) {
	return map[string]func(map[string]string) (reply, error){
		"auth.test":             s.authTest,
		"chat.postMessage":      s.postMessage,
		"chat.update":           s.update,
		"chat.postEphemeral":    s.postEphemeral,
		"conversations.history": s.history,
		"conversations.replies": s.replies,
		"usergroups.users.list": s.groupUsers,
	}
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	method := r.PathValue("method")
	args, token, err := readArgs(w, r)
	if err != nil {
		s.answer(w, method, args, nil, err)
		return
	}
	f := s.fault(method)
	f.wait(r.Context())
	if f.Status != 0 && !f.DropReply {
		s.record(method, args, http.StatusText(f.Status))
		f.refuse(w)
		return
	}
	if f.Error != "" {
		s.answer(w, method, args, nil, refusal{word: f.Error})
		return
	}
	rep, err := s.call(method, token, args)
	if !f.DropReply {
		s.answer(w, method, args, rep, err)
		return
	}
	s.record(method, args, "reply dropped")
	if f.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	f.refuse(w)
}

func (s *Server) call(method, token string, args map[string]string) (reply, error) {
	do, ok := s.methods()[method]
	switch {
	case !ok:
		return nil, refusal{word: "unknown_method"}
	case token == "":
		return nil, refusal{word: "not_authed"}
	case token != s.opts.Token:
		return nil, refusal{word: "invalid_auth"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return do(args)
}

func (s *Server) record(method string, args map[string]string, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{At: time.Now(), Method: method, Args: args, Error: problem})
}

// answer writes Slack's JSON; an API error is HTTP 200 too.
func (s *Server) answer(w http.ResponseWriter, method string, args map[string]string, rep reply, err error) {
	body, problem := reply{"ok": true}, ""
	maps.Copy(body, rep)
	if err != nil {
		problem = err.Error()
		body = reply{"ok": false, "error": problem}
		var no refusal
		if errors.As(err, &no) && len(no.messages) > 0 {
			body["response_metadata"] = map[string]any{"messages": no.messages}
		}
	}
	s.record(method, args, problem)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody is left to tell
}

// readArgs reads a form or a JSON body. A token in the form counts; in JSON only
// the header does, as with the real one.
func readArgs(w http.ResponseWriter, r *http.Request) (args map[string]string, token string, err error) {
	token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	args = make(map[string]string)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		var raw map[string]json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
			return args, token, refusal{word: "invalid_json"}
		}
		for k, v := range raw {
			args[k] = plain(v)
		}
		delete(args, "token")
		return args, token, nil
	}
	if err := r.ParseForm(); err != nil {
		return args, token, refusal{word: "invalid_form_data"}
	}
	for k := range r.Form {
		args[k] = r.Form.Get(k)
	}
	if token == "" {
		token = args["token"]
	}
	delete(args, "token")
	return args, token, nil
}

// plain is a JSON string's content, or the JSON of anything else.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func (s *Server) authTest(map[string]string) (reply, error) {
	return reply{"url": s.url, "team": "Stub", "team_id": s.opts.Team, "user": "ripcord", "user_id": "UBOT", "bot_id": "BBOT"}, nil
}

func (s *Server) groupUsers(args map[string]string) (reply, error) {
	users, ok := s.opts.Groups[args["usergroup"]]
	if !ok {
		return nil, refusal{word: "no_such_subteam"}
	}
	return reply{"users": users}, nil
}

func (s *Server) channel(args map[string]string) (string, error) {
	c := args["channel"]
	if c == "" || (len(s.opts.Channels) > 0 && !slices.Contains(s.opts.Channels, c)) {
		return "", refusal{word: "channel_not_found"}
	}
	return c, nil
}

func (s *Server) postMessage(args map[string]string) (reply, error) {
	m, err := s.compose(args)
	if err != nil {
		return nil, err
	}
	if s.find(m.Channel, m.ThreadTS) < 0 {
		m.ThreadTS = "" // the head was deleted: the real one posts it to the channel
	}
	s.messages = append(s.messages, m)
	s.signal()
	return reply{"channel": m.Channel, "ts": m.TS, "message": m.wire(s.opts.AppID, true)}, nil
}

func (s *Server) postEphemeral(args map[string]string) (reply, error) {
	m, err := s.compose(args)
	if err != nil {
		return nil, err
	}
	if m.For = args["user"]; m.For == "" {
		return nil, refusal{word: "user_not_in_channel"}
	}
	s.ephemerals = append(s.ephemerals, m)
	s.signal()
	return reply{"message_ts": m.TS}, nil
}

// compose makes a message of the arguments, or says why Slack would not take it.
func (s *Server) compose(args map[string]string) (Message, error) {
	channel, err := s.channel(args)
	if err != nil {
		return Message{}, err
	}
	m := Message{Channel: channel, ThreadTS: args["thread_ts"], Text: args["text"], Posted: time.Now()}
	if err := m.fill(args); err != nil {
		return Message{}, err
	}
	m.TS = s.stamp()
	return m, nil
}

// fill takes blocks and metadata where they are given and checks the whole.
func (m *Message) fill(args map[string]string) error {
	if raw, ok := args["blocks"]; ok {
		if err := checkBlocks(raw); err != nil {
			return err
		}
		m.Blocks = json.RawMessage(raw)
	}
	if raw, ok := args["metadata"]; ok {
		if err := checkMetadata(raw); err != nil {
			return err
		}
		m.Metadata = json.RawMessage(raw)
	}
	if m.Text == "" && (len(m.Blocks) == 0 || string(m.Blocks) == "[]") {
		return refusal{word: "no_text"}
	}
	if chars(m.Text) > maxText {
		return refusal{word: "msg_too_long"}
	}
	return nil
}

// update keeps the blocks when none are given: the buttons of a message stay
// until somebody sends blocks without them.
func (s *Server) update(args map[string]string) (reply, error) {
	channel, err := s.channel(args)
	if err != nil {
		return nil, err
	}
	i := s.find(channel, args["ts"])
	if i < 0 {
		return nil, refusal{word: "message_not_found"}
	}
	m := s.messages[i]
	if text, ok := args["text"]; ok {
		m.Text = text
	}
	if err := m.fill(args); err != nil {
		return nil, err
	}
	m.Edits, m.Edited = m.Edits+1, time.Now()
	s.messages[i] = m
	s.signal()
	return reply{"channel": channel, "ts": m.TS, "text": m.Text, "message": m.wire(s.opts.AppID, true)}, nil
}

// Delete takes a message out of the channel, as a person with the right to can.
func (s *Server) Delete(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(o Message) bool { return o.Channel == m.Channel && o.TS == m.TS })
	s.signal()
}

func (s *Server) find(channel, ts string) int {
	return slices.IndexFunc(s.messages, func(m Message) bool { return m.Channel == channel && m.TS == ts })
}

// history lists top-level messages, newest first.
func (s *Server) history(args map[string]string) (reply, error) {
	channel, err := s.channel(args)
	if err != nil {
		return nil, err
	}
	var found []Message
	for _, m := range slices.Backward(s.messages) {
		if m.Channel == channel && m.ThreadTS == "" {
			found = append(found, m)
		}
	}
	return s.page(found, args)
}

// replies lists a thread, its head first.
func (s *Server) replies(args map[string]string) (reply, error) {
	channel, err := s.channel(args)
	if err != nil {
		return nil, err
	}
	var found []Message
	for _, m := range s.messages {
		if m.Channel == channel && (m.TS == args["ts"] || m.ThreadTS == args["ts"]) {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return nil, refusal{word: "thread_not_found"}
	}
	return s.page(found, args)
}

// page cuts a list by oldest, limit and cursor.
func (s *Server) page(found []Message, args map[string]string) (reply, error) {
	if oldest := args["oldest"]; oldest != "" {
		found = slices.DeleteFunc(found, func(m Message) bool { return m.TS < oldest || (m.TS == oldest && args["inclusive"] != "1") })
	}
	skip := 0
	if cursor := args["cursor"]; cursor != "" {
		raw, err := base64.StdEncoding.DecodeString(cursor)
		if skip, _ = strconv.Atoi(string(raw)); err != nil || skip <= 0 || skip > len(found) {
			return nil, refusal{word: "invalid_cursor"}
		}
	}
	limit, err := strconv.Atoi(args["limit"])
	if err != nil || limit <= 0 {
		limit = 100
	}
	end := min(skip+limit, len(found))
	next := ""
	if end < len(found) {
		next = base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	metadata := args["include_all_metadata"] == "1" || args["include_all_metadata"] == "true"
	out := make([]map[string]any, 0, end-skip)
	for _, m := range found[skip:end] {
		out = append(out, m.wire(s.opts.AppID, metadata))
	}
	return reply{"messages": out, "has_more": next != "", "response_metadata": map[string]any{"next_cursor": next}}, nil
}

// wire is the message as the Web API shows it.
func (m Message) wire(app string, metadata bool) map[string]any {
	out := map[string]any{"type": "message", "user": "UBOT", "bot_id": "BBOT", "app_id": app, "ts": m.TS, "text": m.Text}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
	}
	if len(m.Blocks) > 0 {
		out["blocks"] = m.Blocks
	}
	if metadata && len(m.Metadata) > 0 {
		out["metadata"] = m.Metadata
	}
	return out
}
