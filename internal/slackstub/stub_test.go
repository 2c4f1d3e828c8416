package slackstub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api calls a method with a form and returns the answer.
func api(t *testing.T, s *Server, method string, args url.Values) map[string]any {
	t.Helper()
	if !args.Has("token") {
		args.Set("token", "xoxb-stub")
	}
	req := httptest.NewRequest(http.MethodPost, "/api/"+method, strings.NewReader(args.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, s, req)
}

func do(t *testing.T, s *Server, req *http.Request) map[string]any {
	t.Helper()
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, req)
	var out map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		t.Fatalf("status %d, body %q: %v", rec.Code, rec.Body, err)
	}
	return out
}

const ask = `[{"type":"section","text":{"type":"mrkdwn","text":"*v42* is \u0060bad\u0060 &lt;!here&gt;"}},
{"type":"actions","block_id":"b","elements":[{"type":"button","action_id":"yes","value":"v","style":"primary","text":{"type":"plain_text","text":"Yes"}}]}]`

func TestUpdateKeepsBlocksThatAreNotGiven(t *testing.T) {
	s := New(Options{})
	ts := api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "text": {"a"}, "blocks": {ask}})["ts"].(string)
	api(t, s, "chat.update", url.Values{"channel": {"C1"}, "ts": {ts}, "text": {"b"}})
	m := s.Messages()[0]
	if d := cmp.Diff([]string{"yes"}, m.Buttons()); d != "" || m.Text != "b" {
		t.Errorf("text %q, buttons (-want +got):\n%s", m.Text, d)
	}
	api(t, s, "chat.update", url.Values{"channel": {"C1"}, "ts": {ts}, "text": {"c"}, "blocks": {"[]"}})
	if m := s.Messages()[0]; m.Buttons() != nil || m.Edits != 2 {
		t.Errorf("buttons %q after %d edits", m.Buttons(), m.Edits)
	}
}

func TestWhatSlackRefuses(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	section := func(text string) string {
		return fmt.Sprintf(`{"type":"section","text":{"type":"plain_text","text":%q}}`, text)
	}
	button := func(id, value, label string) string {
		return fmt.Sprintf(`{"type":"button","action_id":%q,"value":%q,"text":{"type":"plain_text","text":%q}}`, id, value, label)
	}
	actions := func(e ...string) string {
		return fmt.Sprintf(`[{"type":"actions","elements":[%s]}]`, strings.Join(e, ","))
	}
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	cases := map[string]struct {
		args map[string]string
		want string
	}{
		"nothing to say":             {map[string]string{}, "no_text"},
		"empty blocks only":          {map[string]string{"blocks": "[]"}, "no_text"},
		"a channel that is not":      {map[string]string{"channel": "C9", "text": "a"}, "channel_not_found"},
		"a text of 40,001":           {map[string]string{"text": long(40001)}, "msg_too_long"},
		"blocks that are no list":    {map[string]string{"blocks": "{}"}, "invalid_blocks_format"},
		"51 blocks":                  {map[string]string{"blocks": "[" + many(51, `{"type":"divider"}`) + "]"}, "invalid_blocks"},
		"an unknown block":           {map[string]string{"blocks": `[{"type":"x"}]`}, "invalid_blocks"},
		"an empty section":           {map[string]string{"blocks": "[" + section("") + "]"}, "invalid_blocks"},
		"a section of 3,001":         {map[string]string{"blocks": "[" + section(long(3001)) + "]"}, "invalid_blocks"},
		"14,500 in all":              {map[string]string{"blocks": "[" + many(5, section(long(2900))) + "]"}, "msg_blocks_too_long"},
		"a header of 151":            {map[string]string{"blocks": `[{"type":"header","text":{"type":"plain_text","text":"` + long(151) + `"}}]`}, "invalid_blocks"},
		"a header in mrkdwn":         {map[string]string{"blocks": `[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`}, "invalid_blocks"},
		"mrkdwn with emoji":          {map[string]string{"blocks": `[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`}, "invalid_blocks"},
		"11 fields":                  {map[string]string{"blocks": `[{"type":"section","fields":[` + many(11, `{"type":"mrkdwn","text":"x"}`) + `]}]`}, "invalid_blocks"},
		"11 context elements":        {map[string]string{"blocks": `[{"type":"context","elements":[` + many(11, `{"type":"mrkdwn","text":"x"}`) + `]}]`}, "invalid_blocks"},
		"a value of 2,001":           {map[string]string{"blocks": actions(button("a", long(2001), "x"))}, "invalid_blocks"},
		"a button without a text":    {map[string]string{"blocks": actions(button("a", "v", ""))}, "invalid_blocks"},
		"a button text of 76":        {map[string]string{"blocks": actions(button("a", "v", long(76)))}, "invalid_blocks"},
		"one action twice":           {map[string]string{"blocks": actions(button("a", "v", "x"), button("a", "v", "y"))}, "invalid_blocks"},
		"a dialog without a text":    {map[string]string{"blocks": actions(strings.Replace(button("a", "v", "x"), `"value"`, `"confirm":{},"value"`, 1))}, "invalid_blocks"},
		"metadata that is no object": {map[string]string{"text": "a", "metadata": "[]"}, "invalid_metadata_format"},
		"metadata without a payload": {map[string]string{"text": "a", "metadata": `{"event_type":"x"}`}, "invalid_metadata_schema"},
		"one block id twice":         {map[string]string{"blocks": `[{"type":"divider","block_id":"b"},{"type":"divider","block_id":"b"}]`}, "invalid_blocks"},
		"emoji count twice":          {map[string]string{"blocks": "[" + section(strings.Repeat("😀", 1501)) + "]"}, "invalid_blocks"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := New(Options{Channels: []string{"C1"}})
			args := url.Values{"channel": {"C1"}}
			for k, v := range c.args {
				args.Set(k, v)
			}
			if got := api(t, s, "chat.postMessage", args); got["ok"] != false || got["error"] != c.want {
				t.Errorf("answer %v, want %s", got, c.want)
			}
			if len(s.Messages()) != 0 {
				t.Error("the message was kept")
			}
		})
	}
}

func TestTokens(t *testing.T) {
	s := New(Options{})
	if got := api(t, s, "auth.test", url.Values{"token": {"xoxb-other"}}); got["error"] != "invalid_auth" {
		t.Errorf("another token: %v", got)
	}
	if got := api(t, s, "auth.test", url.Values{"token": {""}}); got["error"] != "not_authed" {
		t.Errorf("no token: %v", got)
	}
	body := func(auth string) map[string]any {
		req := httptest.NewRequest(http.MethodPost, "/api/chat.postMessage", strings.NewReader(`{"channel":"C1","text":"a","token":"xoxb-stub","blocks":[{"type":"divider"}]}`))
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
		req.Header.Set("Authorization", auth)
		return do(t, s, req)
	}
	if got := body(""); got["error"] != "not_authed" {
		t.Errorf("a token in JSON: %v", got)
	}
	if got := body("Bearer xoxb-stub"); got["ok"] != true || string(s.Messages()[0].Blocks) != `[{"type":"divider"}]` {
		t.Errorf("JSON with a bearer: %v, %s", got, s.Messages()[0].Blocks)
	}
	for _, c := range s.Calls() {
		if c.Args["token"] == "xoxb-stub" && c.Error == "" {
			t.Errorf("the token is on record: %v", c)
		}
	}
}

func TestHistoryAndThreadsInPages(t *testing.T) {
	s := New(Options{})
	about := `{"event_type":"e","event_payload":{"n":1}}`
	head := api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "text": {"head"}, "metadata": {about}})["ts"].(string)
	for i := range 5 {
		api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "text": {fmt.Sprint("line ", i)}, "thread_ts": {head}})
		api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "text": {fmt.Sprint("top ", i)}})
	}
	walk := func(method string, args url.Values) (texts []string, metadata int) {
		for {
			got := api(t, s, method, args)
			for _, m := range got["messages"].([]any) {
				m := m.(map[string]any)
				texts = append(texts, m["text"].(string))
				if m["metadata"] != nil {
					metadata++
				}
			}
			next := got["response_metadata"].(map[string]any)["next_cursor"].(string)
			if next == "" {
				return texts, metadata
			}
			args.Set("cursor", next)
		}
	}
	texts, metadata := walk("conversations.history", url.Values{"channel": {"C1"}, "limit": {"2"}, "include_all_metadata": {"1"}})
	if d := cmp.Diff([]string{"top 4", "top 3", "top 2", "top 1", "top 0", "head"}, texts); d != "" || metadata != 1 {
		t.Errorf("%d with metadata; history (-want +got):\n%s", metadata, d)
	}
	texts, metadata = walk("conversations.replies", url.Values{"channel": {"C1"}, "ts": {head}, "limit": {"4"}})
	if d := cmp.Diff([]string{"head", "line 0", "line 1", "line 2", "line 3", "line 4"}, texts); d != "" || metadata != 0 {
		t.Errorf("%d with metadata; thread (-want +got):\n%s", metadata, d)
	}
	if got := api(t, s, "conversations.history", url.Values{"channel": {"C1"}, "oldest": {head}}); len(got["messages"].([]any)) != 5 {
		t.Errorf("%d messages after the head", len(got["messages"].([]any)))
	}
}

func TestGroups(t *testing.T) {
	s := New(Options{Groups: map[string][]string{"S1": {"UANA"}}})
	if got := api(t, s, "usergroups.users.list", url.Values{"usergroup": {"S1"}}); fmt.Sprint(got["users"]) != "[UANA]" {
		t.Errorf("members: %v", got)
	}
	if got := api(t, s, "usergroups.users.list", url.Values{"usergroup": {"S2"}}); got["error"] != "no_such_subteam" {
		t.Errorf("no group: %v", got)
	}
}

func TestFaultsOverRealConnections(t *testing.T) {
	s := New(Options{})
	base, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Fail(Fault{Method: "chat.postMessage", Status: 429, RetryAfter: 7 * time.Second})
	s.Fail(Fault{Method: "chat.postMessage", DropReply: true})
	send := func() (*http.Response, error) {
		return client.PostForm(base+"chat.postMessage", url.Values{"token": {"xoxb-stub"}, "channel": {"C1"}, "text": {"a"}})
	}
	res, err := send()
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 429 || res.Header.Get("Retry-After") != "7" || len(s.Messages()) != 0 {
		t.Errorf("status %d, Retry-After %q, %d messages", res.StatusCode, res.Header.Get("Retry-After"), len(s.Messages()))
	}
	if res, err = send(); err == nil {
		_ = res.Body.Close()
		t.Error("a dropped reply arrived")
	}
	if len(s.Messages()) != 1 {
		t.Errorf("%d messages, want the one whose reply was dropped", len(s.Messages()))
	}
}

func TestAResponseAddressHoldsFiveAnswers(t *testing.T) {
	s := New(Options{})
	api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "blocks": {ask}})
	p, err := s.Payload(s.Messages()[0], "yes", User{ID: "UANA"})
	if err != nil {
		t.Fatal(err)
	}
	var codes []int
	for range 6 {
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, p["response_url"].(string), strings.NewReader(`{"text":"no"}`)))
		codes = append(codes, rec.Code)
	}
	if d := cmp.Diff([]int{200, 200, 200, 200, 200, 404}, codes); d != "" || len(s.Ephemerals()) != 5 {
		t.Errorf("%d whispers; codes (-want +got):\n%s", len(s.Ephemerals()), d)
	}
}

func TestAClickNeedsAnAnswerOf200(t *testing.T) {
	status := http.StatusOK
	var got *http.Request
	var body []byte
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
	}))
	s := New(Options{Interactivity: app.URL})
	t.Cleanup(func() {
		_ = s.Close()
		app.Close()
	})
	api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "blocks": {ask}})
	m := s.Messages()[0]
	if err := s.Click(t.Context(), m, "yes", User{ID: "UANA"}); err != nil {
		t.Error(err)
	}
	if want := Sign("stub-signing-secret", got.Header.Get("X-Slack-Request-Timestamp"), body); got.Header.Get("X-Slack-Signature") != want {
		t.Error("the click is not signed as Slack signs")
	}
	status = http.StatusInternalServerError
	if err := s.Click(t.Context(), m, "yes", User{ID: "UANA"}); err == nil {
		t.Error("a 500 is taken for an answer")
	}
	if err := s.Click(t.Context(), m, "no", User{ID: "UANA"}); err == nil {
		t.Error("a button that is not there was pressed")
	}
}

func TestWaitMessage(t *testing.T) {
	s := New(Options{})
	found := make(chan Message)
	go func() {
		m, _ := s.WaitMessage(t.Context(), func(m Message) bool { return m.Text == "b" })
		found <- m
	}()
	api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "text": {"a"}})
	api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "text": {"b"}})
	if m := <-found; m.Text != "b" {
		t.Errorf("found %q", m.Text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.WaitMessage(ctx, func(Message) bool { return false }); err == nil {
		t.Error("no error though nothing came")
	}
}

func TestAMessageIsShownAsText(t *testing.T) {
	s := New(Options{})
	api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "blocks": {ask}})
	if d := cmp.Diff("v42 is bad <!here>\n[ Yes ] \n", Text(s.Messages()[0])); d != "" {
		t.Errorf("text (-want +got):\n%s", d)
	}
}

func TestThePageEscapesAndItsButtonsClick(t *testing.T) {
	clicked := 0
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { clicked++ }))
	s := New(Options{Interactivity: app.URL, Viewer: User{ID: "UANA"}})
	t.Cleanup(func() {
		_ = s.Close()
		app.Close()
	})
	api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "text": {"<script>alert(1)</script>"}})
	api(t, s, "chat.postMessage", url.Values{"channel": {"C1"}, "blocks": {ask}})
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/messages", nil))
	for _, want := range []string{"<b>v42</b> is <code>bad</code> &lt;!here&gt;", `<span class="mention">&lt;script&gt;`, ">Yes</button>"} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("the page has no %q:\n%s", want, rec.Body)
		}
	}
	for site, want := range map[string]int{"same-origin": http.StatusSeeOther, "cross-site": http.StatusForbidden} {
		form := url.Values{"channel": {"C1"}, "ts": {s.Messages()[1].TS}, "action": {"yes"}}
		req := httptest.NewRequest(http.MethodPost, "/messages/click", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", site)
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, req)
		if rec.Code != want {
			t.Errorf("%s: status %d, want %d: %s", site, rec.Code, want, rec.Body)
		}
	}
	if clicked != 1 {
		t.Errorf("clicked %d times", clicked)
	}
}
