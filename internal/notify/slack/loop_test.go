package slack_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/notify"
	"github.com/ripcord-dev/ripcord/internal/notify/notifytest"
	"github.com/ripcord-dev/ripcord/internal/notify/slack"
	"github.com/ripcord-dev/ripcord/internal/slackstub"
)

// The whole way over real connections: the question is posted, ana clicks, the
// record comes back through the outbox, the message changes, ben comes too late.
func TestTheWholeLoopOverLoopback(t *testing.T) {
	stub := slackstub.New(slackstub.Options{})
	apiURL, err := stub.Start()
	if err != nil {
		t.Fatal(err)
	}
	outbox := make(chan notify.Update, 8)
	d := &desk{}
	decide := func(ctx context.Context, c slack.Click) (string, error) {
		answer, err := d.decide(ctx, c)
		if err == nil {
			outbox <- notifytest.Update(incident.Executing)
			outbox <- notifytest.Update(incident.Recovered)
		}
		return answer, err
	}
	n, err := slack.New(slack.Config{
		Name: "slack", Channel: channel, APIURL: apiURL, ButtonKey: buttonKey, Team: "T1", AppID: "A1", Logger: zerolog.Nop(),
		Token:         func() (string, error) { return "xoxb-stub", nil },
		SigningSecret: func() (string, error) { return "stub-signing-secret", nil },
		Confirm:       func(context.Context, string, string, string, incident.Post) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	door := httptest.NewServer(n.Interactivity(decide, known))
	stub.SetInteractivity(door.URL + "/slack/interactivity")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := n.Check(ctx); err != nil {
		t.Fatalf("check = %v", err)
	}
	outbox <- notifytest.Update(incident.AwaitingApproval)
	told := make(chan error, 1)
	go func() {
		for u := range outbox {
			if err := n.Notify(ctx, u); err != nil {
				told <- err
				return
			}
		}
		told <- nil
	}()

	asked, err := stub.WaitMessage(ctx, func(m slackstub.Message) bool { return len(m.Buttons()) == 2 })
	if err != nil {
		t.Fatal(err)
	}
	if err := stub.Click(ctx, asked, "ripcord_approve", ana); err != nil {
		t.Fatal(err)
	}
	over, err := stub.WaitMessage(ctx, func(m slackstub.Message) bool { return m.TS == asked.TS && m.Edits == 2 })
	if err != nil {
		t.Fatal(err)
	}
	if over.Buttons() != nil {
		t.Errorf("buttons %q are left", over.Buttons())
	}
	if err := stub.Click(ctx, asked, "ripcord_approve", ben); err != nil {
		t.Fatal(err)
	}
	close(outbox)
	if err := <-told; err != nil {
		t.Errorf("notify = %v", err)
	}
	var whispers []string
	for _, m := range stub.Ephemerals() {
		whispers = append(whispers, m.For+": "+m.Text)
	}
	if d := cmp.Diff([]string{"UBEN: already approved by ana at 10:02:11"}, whispers); d != "" {
		t.Errorf("whispers (-want +got):\n%s", d)
	}
	n.Close(ctx)
	door.Close()
	if err := stub.Close(); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestCheckKnowsTheWrongWorkspace(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		cfg := b.config()
		cfg.Team = "T2"
		n, err := slack.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Check(t.Context()); err == nil {
			t.Error("a token of another workspace is taken")
		}
	})
}

func TestNewGathersEveryProblem(t *testing.T) {
	_, err := slack.New(slack.Config{ButtonKey: []byte("short")})
	const want = `slack notifier "": a name is needed
a channel is needed
a bot token is needed
a signing secret is needed
the button key must have at least 32 bytes
a way to confirm posts is needed`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
