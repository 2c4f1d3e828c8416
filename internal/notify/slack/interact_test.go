package slack_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/notify/notifytest"
	"github.com/ripcord-dev/ripcord/internal/notify/slack"
	"github.com/ripcord-dev/ripcord/internal/slackstub"
)

var (
	ana = slackstub.User{ID: "UANA", Name: "ana"}
	ben = slackstub.User{ID: "UBEN", Name: "ben"}
	eve = slackstub.User{ID: "UEVE", Name: "ana"} // a name proves nothing
)

type people map[string]incident.Person

func (p people) BySlack(team, user string) (incident.Person, bool) {
	person, ok := p[team+"/"+user]
	return person, ok
}

var known = people{"T1/UANA": {Name: "ana", Groups: []string{"ml-oncall"}}, "T1/UBEN": {Name: "ben"}}

// desk is an engine of one incident: the first answer to the asked plan counts.
type desk struct {
	mu     sync.Mutex
	clicks []slack.Click
	winner string
	slow   time.Duration
	err    error
}

func (d *desk) decide(ctx context.Context, c slack.Click) (string, error) {
	select {
	case <-time.After(d.slow):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clicks = append(d.clicks, c)
	switch {
	case d.err != nil:
		return "", d.err
	case c.Incident != "fraud-scorer-3":
		return "", &incident.Refused{Code: incident.NotFound, Text: "no incident " + c.Incident + " is open"}
	case d.winner != "":
		return "", &incident.Refused{Code: incident.Conflict, Text: "already approved by " + d.winner + " at 10:02:11"}
	}
	d.winner = c.By.Name
	return "", nil
}

// serve connects the notifier's handler with the stand-in.
func (b *bench) serve(d *desk) http.Handler {
	h := b.n.Interactivity(d.decide, known)
	b.stub.SetInteractivity(address)
	b.door(h)
	return h
}

func (b *bench) asked(t *testing.T) slackstub.Message {
	t.Helper()
	b.tell(t, notifytest.Update(incident.AwaitingApproval))
	return b.oneHead(t)
}

// whispers are the texts that only one person saw.
func (b *bench) whispers() (out []string) {
	for _, m := range b.stub.Ephemerals() {
		out = append(out, m.For+": "+m.Text)
	}
	return out
}

func TestTheFirstClickCountsAndTheLoserIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		d := &desk{}
		b.serve(d)
		head := b.asked(t)
		if err := b.stub.Click(t.Context(), head, "ripcord_approve", ana); err != nil {
			t.Fatal(err)
		}
		want := slack.Click{
			Incident: "fraud-scorer-3", Revision: 3, Digest: notifytest.Plan().Digest, Approve: true,
			By: incident.Person{Name: "ana", Groups: []string{"ml-oncall"}, Via: "slack"},
		}
		if d := cmp.Diff([]slack.Click{want}, d.clicks); d != "" {
			t.Errorf("clicks (-want +got):\n%s", d)
		}
		if b.oneHead(t).Edits != 0 || b.whispers() != nil {
			t.Error("the handler itself wrote to the channel")
		}
		b.tell(t, notifytest.Update(incident.Executing))
		if b.oneHead(t).Buttons() != nil {
			t.Error("the buttons are left")
		}
		if err := b.stub.Click(t.Context(), head, "ripcord_deny", ben); err != nil { // an old copy on ben's screen
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"UBEN: already approved by ana at 10:02:11"}, b.whispers()); d != "" {
			t.Errorf("whispers (-want +got):\n%s", d)
		}
	})
}

func TestWhoMayNotIsToldAndNothingHappens(t *testing.T) {
	const notYou = ": You are not among those who may approve, nothing has changed."
	for name, c := range map[string]struct {
		user slackstub.User
		want string
	}{
		"a stranger with ana's name":           {eve, "UEVE" + notYou},
		"ana's id in another workspace":        {slackstub.User{ID: "UANA", Team: "T2"}, "UANA" + notYou},
		"a person whose id is a prefix of ana": {slackstub.User{ID: "UAN"}, "UAN" + notYou},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				d := &desk{}
				b.serve(d)
				if err := b.stub.Click(t.Context(), b.asked(t), "ripcord_approve", c.user); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff([]string{c.want}, b.whispers()); d != "" {
					t.Errorf("whispers (-want +got):\n%s", d)
				}
				if d.clicks != nil {
					t.Errorf("decided %v", d.clicks)
				}
			})
		})
	}
}

func TestAnEditedButtonIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		d := &desk{}
		b.serve(d)
		head := b.asked(t)
		payload, err := b.stub.Payload(head, "ripcord_approve", ana)
		if err != nil {
			t.Fatal(err)
		}
		value := payload["actions"].([]map[string]any)[0]["value"].(string)
		body, mac, _ := strings.Cut(value, ".")
		edited := []string{"", ".", body, body + ".", "." + mac, value + "A", "A" + value, strings.ToUpper(value), mac + "." + body, body + "." + mac[:len(mac)-1]}
		for i := range value {
			edited = append(edited, value[:i]+swap(value[i])+value[i+1:])
		}
		for _, e := range edited {
			bad := head
			bad.Blocks = []byte(strings.ReplaceAll(string(head.Blocks), value, e))
			if err := b.stub.Click(t.Context(), bad, "ripcord_approve", ana); err != nil {
				t.Fatalf("value %q: %v", e, err)
			}
		}
		if d.clicks != nil {
			t.Errorf("decided %v", d.clicks)
		}
		if got := len(b.stub.Ephemerals()); got != len(edited) {
			t.Errorf("%d of %d clicks were answered", got, len(edited))
		}
	})
}

func swap(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestAButtonOfAnotherDaemonIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		head := b.asked(t)
		cfg := b.config()
		cfg.ButtonKey = []byte(strings.Repeat("x", 32))
		other, err := slack.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{}
		b.door(other.Interactivity(d.decide, known))
		if err := b.stub.Click(t.Context(), head, "ripcord_approve", ana); err != nil || d.clicks != nil {
			t.Errorf("click = %v, decided %v", err, d.clicks)
		}
	})
}

func TestAReplayedRequestDoesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		d := &desk{}
		h := b.serve(d)
		req, err := b.stub.ClickRequest(t.Context(), b.asked(t), "ripcord_approve", ana)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			wait time.Duration
			want int
		}{{0, 200}, {0, 200}, {4 * time.Minute, 200}, {2 * time.Minute, 401}, {time.Hour, 401}} {
			time.Sleep(c.wait)
			if got := post(h, req.Header, body).Code; got != c.want {
				t.Errorf("after %s: status %d, want %d", c.wait, got, c.want)
			}
		}
		if len(d.clicks) != 1 || b.whispers() != nil {
			t.Errorf("decided %d times, whispers %q", len(d.clicks), b.whispers())
		}
	})
}

func post(h http.Handler, header http.Header, body []byte) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodPost, "/slack/interactivity?payload=%7B%7D", strings.NewReader(string(body)))
	req.Header = header
	h.ServeHTTP(rec, req)
	return rec
}

func TestStrangersLearnNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		h := b.serve(&desk{})
		good, err := b.stub.ClickRequest(t.Context(), b.asked(t), "ripcord_approve", ana)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(good.Body)
		if err != nil {
			t.Fatal(err)
		}
		without := func(name string) http.Header {
			c := good.Header.Clone()
			c.Del(name)
			return c
		}
		answers := map[string]bool{}
		for name, rec := range map[string]*httptest.ResponseRecorder{
			"no signature": post(h, without("X-Slack-Signature"), body),
			"no timestamp": post(h, without("X-Slack-Request-Timestamp"), body),
			"other body":   post(h, good.Header, append(body, ' ')),
			"no body":      post(h, good.Header, nil),
			"garbage":      post(h, http.Header{}, []byte("\x00")),
		} {
			if rec.Code != http.StatusUnauthorized {
				t.Errorf("%s: status %d", name, rec.Code)
			}
			answers[rec.Body.String()] = true
		}
		if len(answers) != 1 {
			t.Errorf("the answers differ: %v", answers)
		}
		if rec := post(h, good.Header, make([]byte, 1<<20)); rec.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("1 MiB: status %d", rec.Code)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/slack/interactivity", nil))
		if rec.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET: status %d", rec.Code)
		}
	})
}

func TestSignedButNotForUs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p map[string]any) string
		want   int
	}{
		"another workspace":      {func(p map[string]any) string { p["team"] = map[string]any{"id": "T9"}; return "" }, 403},
		"another app":            {func(p map[string]any) string { p["api_app_id"] = "A9"; return "" }, 403},
		"another kind":           {func(p map[string]any) string { p["type"] = "view_submission"; return "" }, 200},
		"another block":          {func(p map[string]any) string { p["actions"].([]map[string]any)[0]["block_id"] = "x"; return "" }, 200},
		"another action":         {func(p map[string]any) string { p["actions"].([]map[string]any)[0]["action_id"] = "x"; return "" }, 200},
		"no action":              {func(p map[string]any) string { p["actions"] = nil; return "" }, 200},
		"no form":                {func(map[string]any) string { return "payload=%zz" }, 400},
		"no payload":             {func(map[string]any) string { return "a=b" }, 400},
		"two payloads":           {func(map[string]any) string { return "payload=%7B%7D&payload=%7B%7D" }, 400},
		"a payload that is text": {func(map[string]any) string { return "payload=hello" }, 400},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				d := &desk{}
				h := b.serve(d)
				payload, err := b.stub.Payload(b.asked(t), "ripcord_approve", ana)
				if err != nil {
					t.Fatal(err)
				}
				form := c.change(payload)
				if form == "" {
					form = url.Values{"payload": {jsonOf(t, payload)}}.Encode()
				}
				req, err := b.stub.Signed(t.Context(), []byte(form))
				if err != nil {
					t.Fatal(err)
				}
				if got := post(h, req.Header, []byte(form)).Code; got != c.want || d.clicks != nil {
					t.Errorf("status %d, want %d; decided %v", got, c.want, d.clicks)
				}
			})
		})
	}
}

func TestASlowDecisionIsAnsweredInTimeAndStillCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		d := &desk{slow: 10 * time.Second, winner: "ben"}
		b.serve(d)
		head := b.asked(t)
		start := time.Now()
		if err := b.stub.Click(t.Context(), head, "ripcord_approve", ana); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took >= 3*time.Second {
			t.Errorf("answered after %s", took)
		}
		b.n.Close(t.Context())
		if d := cmp.Diff([]string{"UANA: already approved by ben at 10:02:11"}, b.whispers()); d != "" {
			t.Errorf("whispers (-want +got):\n%s", d)
		}
		if err := b.stub.Click(t.Context(), head, "ripcord_approve", ana); err == nil {
			t.Error("a closed notifier takes a click and loses it")
		}
	})
}

func TestCloseDoesNotWaitForever(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.serve(&desk{slow: time.Hour})
		if err := b.stub.Click(t.Context(), b.asked(t), "ripcord_approve", ana); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b.n.Close(ctx)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("closed after %s", took)
		}
	})
}

func TestAnErrorOfOursIsToldWithoutItsInside(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.serve(&desk{err: errors.New("nats: no responders at 10.0.0.7")})
		if err := b.stub.Click(t.Context(), b.asked(t), "ripcord_approve", ana); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"UANA: Not recorded, please try again: Ripcord cannot write its journal now."}, b.whispers()); d != "" {
			t.Errorf("whispers (-want +got):\n%s", d)
		}
	})
}

func TestTheResponseAddressIsTheSecondWay(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.serve(&desk{winner: "ben"})
		head := b.asked(t)
		b.stub.Fail(slackstub.Fault{Method: "chat.postEphemeral", Error: "user_not_in_channel"})
		if err := b.stub.Click(t.Context(), head, "ripcord_approve", ana); err != nil {
			t.Fatal(err)
		}
		if got := b.whispers(); len(got) != 1 {
			t.Errorf("whispers %q, want one by the response address\n%s", got, b.logs)
		}
	})
}

func TestAnAddressOfAStrangerIsNeverCalled(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		h := b.serve(&desk{winner: "ben"})
		for _, evil := range []string{"http://169.254.169.254/", "https://hooks.slack.com.evil.test/x", "https://hooks.slack.com@evil.test/", "file:///etc/passwd", "http://hooks.slack.com/x"} {
			b.stub.Fail(slackstub.Fault{Method: "chat.postEphemeral", Status: 500})
			payload, err := b.stub.Payload(b.asked(t), "ripcord_approve", ana)
			if err != nil {
				t.Fatal(err)
			}
			payload["response_url"] = evil
			form := url.Values{"payload": {jsonOf(t, payload)}}.Encode()
			req, err := b.stub.Signed(t.Context(), []byte(form))
			if err != nil {
				t.Fatal(err)
			}
			post(h, req.Header, []byte(form))
			if strings.Contains(b.logs.String(), "no such host") {
				t.Errorf("%s was called", evil)
			}
		}
	})
}

func TestSecretsAreInNoWord(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.serve(&desk{winner: "ben"})
		head := b.asked(t)
		var errs []string
		for _, f := range []slackstub.Fault{
			{Error: "invalid_auth"},
			{Status: 500, Times: 9},
			{DropReply: true, Times: 9},
			{Status: 429},
			{Delay: 20 * time.Second, Times: 9},
		} {
			b.stub.Fail(f)
			for range 3 {
				if err := b.n.Notify(t.Context(), notifytest.Update(incident.Recovered)); err != nil {
					errs = append(errs, err.Error())
				}
				if err := b.n.Health(); err != nil {
					errs = append(errs, err.Error())
				}
				if err := b.stub.Click(t.Context(), head, "ripcord_approve", ana); err != nil {
					errs = append(errs, err.Error())
				}
			}
		}
		if len(errs) == 0 || b.logs.String() == "" {
			t.Fatal("nothing went wrong, so nothing was seen")
		}
		seen := strings.Join(append(errs, b.logs.String(), jsonOf(t, b.stub.Messages()), jsonOf(t, b.stub.Ephemerals())), "\n")
		for _, secret := range []string{tokenCanary, signCanary, string(buttonKey)} {
			if strings.Contains(seen, secret) {
				t.Errorf("%q was said", secret)
			}
		}
	})
}
