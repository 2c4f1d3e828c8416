package slack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/notify"
	"github.com/ripcord-dev/ripcord/internal/notify/notifytest"
	"github.com/ripcord-dev/ripcord/internal/slackstub"
	"github.com/ripcord-dev/ripcord/rules"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestBlocksOfEveryState(t *testing.T) {
	for _, state := range notifytest.States {
		t.Run(string(state), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.tell(t, notifytest.Update(state))
				var got bytes.Buffer
				if err := json.Indent(&got, b.oneHead(t).Blocks, "", "  "); err != nil {
					t.Fatal(err)
				}
				got.WriteByte('\n')
				path := filepath.Join("testdata", string(state)+".json")
				if *update {
					if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), got.String()); d != "" {
					t.Errorf("%s (-want +got):\n%s", path, d)
				}
			})
		})
	}
}

func TestOneMessageTellsTheWholeStory(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		story := []incident.State{incident.Open, incident.AwaitingApproval, incident.Executing, incident.Verifying, incident.Recovered}
		for _, state := range story {
			b.tell(t, notifytest.Update(state))
			head := b.oneHead(t)
			asks := len(head.Buttons()) > 0
			if asks != (state == incident.AwaitingApproval) {
				t.Errorf("%s: buttons %q", state, head.Buttons())
			}
		}
		if got := len(b.lines()); got != len(story) {
			t.Errorf("the thread has %d lines, want %d", got, len(story))
		}
		text := slackstub.Text(b.oneHead(t))
		if !strings.Contains(text, "approved by ana 10:02:11, recovered 10:02:45") {
			t.Errorf("the head does not say how it ended:\n%s", text)
		}
	})
}

func TestEveryTerminalStateTakesTheButtonsAway(t *testing.T) {
	for _, state := range notifytest.States {
		if !state.Terminal() {
			continue
		}
		t.Run(string(state), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.tell(t, notifytest.Update(incident.AwaitingApproval))
				end := notifytest.Update(state)
				end.Latest = false // the next incident of the target has begun
				b.tell(t, end)
				if got := b.oneHead(t).Buttons(); got != nil {
					t.Errorf("buttons %q are left", got)
				}
			})
		})
	}
}

func TestOnlyTheNewestRecordRewritesTheHead(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		old := notifytest.Update(incident.AwaitingApproval)
		old.Latest = false
		b.tell(t, old)
		if got := b.oneHead(t).Buttons(); got != nil {
			t.Errorf("an answered question is asked: %q", got)
		}
		mid := notifytest.Update(incident.Executing)
		mid.Latest = false
		b.tell(t, mid)
		b.tell(t, notifytest.Update(incident.Verifying))
		b.tell(t, old)
		over := notifytest.Update(incident.Denied)
		over.Incident.Revision, over.Latest = 1, false // it was planned anew since
		b.tell(t, over)
		head := b.oneHead(t)
		if head.Edits != 1 || !strings.Contains(slackstub.Text(head), "at v41 since") {
			t.Errorf("the head was edited %d times and says:\n%s", head.Edits, slackstub.Text(head))
		}
	})
}

func TestABacklogOfRecordsShowsThePresentOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		// The outbox gives every record with the incident as it is now.
		for _, state := range []incident.State{incident.Open, incident.AwaitingApproval, incident.Executing} {
			u := notifytest.Update(incident.AwaitingApproval)
			u.Entries[0].Kind, u.At = string(state), time.Now()
			time.Sleep(time.Second)
			b.tell(t, u)
		}
		if head := b.oneHead(t); head.Edits != 0 || len(b.lines()) != 3 {
			t.Errorf("the head was edited %d times, the thread has %d lines; want 0 and 3", head.Edits, len(b.lines()))
		}
		quorum := notifytest.Update(incident.Executing)
		quorum.Incident.Approvals[0].Note = "seen"
		b.tell(t, quorum)
		if head := b.oneHead(t); head.Edits != 1 {
			t.Error("news without a new revision are not shown")
		}
	})
}

func TestALostReplyPostsNothingTwice(t *testing.T) {
	for name, f := range map[string]slackstub.Fault{
		"the connection breaks":           {Method: "chat.postMessage", DropReply: true},
		"a 500 after the message is kept": {Method: "chat.postMessage", DropReply: true, Status: 500},
		"the answer comes too late":       {Method: "chat.postMessage", DropReply: true, Delay: 11 * time.Second},
		"three times in a row":            {Method: "chat.postMessage", DropReply: true, Times: 3},
		"and the first look fails":        {Method: "chat.postMessage", DropReply: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.stub.Fail(f)
				if strings.Contains(name, "look") {
					b.stub.Fail(slackstub.Fault{Method: "conversations.history", Status: 503})
				}
				u := notifytest.Update(incident.AwaitingApproval)
				b.tell(t, u)
				b.tell(t, u)
				if got := b.oneHead(t).Buttons(); len(got) != 2 {
					t.Errorf("buttons %q", got)
				}
				if got := len(b.lines()); got != 1 {
					t.Errorf("the thread has %d lines, want 1", got)
				}
				if len(b.confirmed) != 1 || b.confirmed[0].TS != b.oneHead(t).TS {
					t.Errorf("confirmed %v", b.confirmed)
				}
			})
		})
	}
}

func TestALostReplyIsRememberedUntilALookSucceeds(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.stub.Fail(slackstub.Fault{Method: "chat.postMessage", DropReply: true})
		b.stub.Fail(slackstub.Fault{Method: "conversations.history", Status: 503, Times: 3})
		u := notifytest.Update(incident.AwaitingApproval)
		u.At = time.Now()
		if err := b.n.Notify(t.Context(), u); err == nil {
			t.Fatal("no error, though nobody knows whether the message is there")
		}
		u.At = time.Now()
		b.tell(t, u)
		b.oneHead(t)
	})
}

func TestALostReplyInTheThreadIsNotRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.tell(t, notifytest.Update(incident.Open))
		b.stub.Fail(slackstub.Fault{Method: "chat.postMessage", DropReply: true})
		b.tell(t, notifytest.Update(incident.AwaitingApproval))
		if got := len(b.lines()); got != 2 {
			t.Errorf("the thread has %d lines, want 2", got)
		}
	})
}

func TestAnotherProcessAdoptsTheMessage(t *testing.T) {
	for name, unconfirmed := range map[string]bool{"killed before the journal had it": true, "killed after": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				u := notifytest.Update(incident.AwaitingApproval)
				b.tell(t, u)
				time.Sleep(time.Minute)
				b.restart(t)
				if !unconfirmed {
					u.Incident.Posts = map[string]incident.Post{"slack": b.confirmed[0]}
				}
				b.tell(t, u)
				b.oneHead(t)
				if got := len(b.lines()); got != 1 {
					t.Errorf("the thread has %d lines, want 1", got)
				}
				want := map[bool]int{true: 2, false: 1}[unconfirmed]
				if len(b.confirmed) != want {
					t.Errorf("confirmed %v", b.confirmed)
				}
			})
		})
	}
}

func TestAFreshIncidentNeedsNoLook(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.tell(t, notifytest.Update(incident.AwaitingApproval))
		if d := cmp.Diff(map[string]int{"chat.postMessage": 2}, b.methods()); d != "" {
			t.Errorf("calls (-want +got):\n%s", d)
		}
	})
}

func TestConfirmIsRepeatedUntilTheJournalTakesIt(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		u := notifytest.Update(incident.VetoWindow)
		b.refuse = errors.New("journal unavailable")
		if err := b.n.Notify(t.Context(), u); !errors.Is(err, b.refuse) {
			t.Fatalf("notify = %v, want the journal's error", err)
		}
		b.refuse = nil
		b.tell(t, u)
		b.oneHead(t)
		if len(b.confirmed) != 1 || b.confirmed[0].Revision != u.Incident.Revision {
			t.Errorf("confirmed %v", b.confirmed)
		}
	})
}

func TestAPlaceThatTheJournalRefusesHoldsNothingUp(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.refuse = &incident.Refused{Code: incident.NotFound, Text: "fraud-scorer-3 is over"}
		b.tell(t, notifytest.Update(incident.Recovered))
		if len(b.lines()) != 1 {
			t.Error("the story stopped")
		}
	})
}

func TestTheRecordOfAPostIsNoNews(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		u := notifytest.Update(incident.AwaitingApproval)
		b.tell(t, u)
		for range 3 { // even when each such record counted as a revision
			u.Incident.Revision++
			u.Incident.Posts = map[string]incident.Post{"slack": b.confirmed[0]}
			u.Entries = []incident.Entry{{Kind: "posted", Incident: u.Incident.ID}}
			b.tell(t, u)
		}
		if len(b.confirmed) != 1 || len(b.lines()) != 1 {
			t.Errorf("confirmed %d times, %d lines; want 1 and 1", len(b.confirmed), len(b.lines()))
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.stub.Fail(slackstub.Fault{Method: "chat.postMessage", Status: 429, RetryAfter: 30 * time.Second})
		b.tell(t, notifytest.Update(incident.AwaitingApproval))
		calls := b.stub.Calls()
		if wait := calls[1].At.Sub(calls[0].At); wait < 30*time.Second {
			t.Errorf("called again after %s", wait)
		}
		b.oneHead(t)
		if strings.Contains(b.logs.String(), "history") || b.methods()["conversations.history"] > 0 {
			t.Error("a refused post was looked up, though Slack said that it did nothing")
		}
	})
}

func TestServerErrorsAreRetriedAndThenGivenBack(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.stub.Fail(slackstub.Fault{Status: 502, Times: 4})
		u := notifytest.Update(incident.AwaitingApproval)
		if err := b.n.Notify(t.Context(), u); err == nil {
			t.Fatal("no error, though Slack never answered")
		}
		b.tell(t, u)
		b.oneHead(t)
		if err := b.n.Health(); err != nil {
			t.Errorf("health = %v: an outage of Slack's needs nobody here", err)
		}
	})
}

func TestTheChannelsPaceIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		for i := range 20 {
			u := notifytest.Update(incident.Open)
			u.Incident.ID = fmt.Sprintf("fraud-scorer-%d", i)
			u.Entries[0].Text = u.Incident.ID
			u.At = time.Now()
			b.tell(t, u)
		}
		calls := b.stub.Calls()
		if took := calls[len(calls)-1].At.Sub(calls[0].At); len(calls) != 40 || took < 35*time.Second {
			t.Errorf("%d calls took %s, want 40 in 36 s: four at once, then one a second", len(calls), took)
		}
	})
}

func TestAFatalErrorIsSaidOnceAndHealthTellsIt(t *testing.T) {
	for _, word := range []string{"invalid_auth", "token_revoked", "channel_not_found", "missing_scope", "not_in_channel", "is_archived"} {
		t.Run(word, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.stub.Fail(slackstub.Fault{Error: word, Times: 3})
				u := notifytest.Update(incident.AwaitingApproval)
				for range 3 {
					if err := b.n.Notify(t.Context(), u); err == nil {
						t.Fatal("no error")
					}
				}
				if got := strings.Count(b.logs.String(), word); got != 1 {
					t.Errorf("the log says it %d times:\n%s", got, b.logs)
				}
				if err := b.n.Health(); err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("health = %v", err)
				}
				if got := len(b.stub.Calls()); got != 3 {
					t.Errorf("%d calls, want one for each time", got)
				}
				b.tell(t, u)
				if err := b.n.Health(); err != nil {
					t.Errorf("health = %v after a success", err)
				}
			})
		})
	}
}

func TestAMissingHistoryScopeSilencesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.stub.Fail(slackstub.Fault{Method: "conversations.history", Error: "missing_scope", Times: 9})
		b.stub.Fail(slackstub.Fault{Method: "conversations.replies", Error: "missing_scope", Times: 9})
		time.Sleep(time.Hour)
		b.tell(t, notifytest.Update(incident.AwaitingApproval))
		b.oneHead(t)
		if err := b.n.Health(); err == nil || !strings.Contains(err.Error(), "conversations.history: missing_scope") {
			t.Errorf("health = %v, want the missing scope", err)
		}
	})
}

func TestBlocksThatSlackRefusesBecomePlainWords(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.tell(t, notifytest.Update(incident.AwaitingApproval))
		b.stub.Fail(slackstub.Fault{Method: "chat.update", Error: "invalid_blocks"})
		b.tell(t, notifytest.Update(incident.Recovered))
		head := b.oneHead(t)
		if head.Buttons() != nil || !strings.Contains(slackstub.Text(head), "recovered 10:02:45") {
			t.Errorf("buttons %q, text:\n%s", head.Buttons(), slackstub.Text(head))
		}
	})
}

func TestADeletedHeadIsPostedAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.tell(t, notifytest.Update(incident.AwaitingApproval))
		b.stub.Delete(b.oneHead(t))
		b.tell(t, notifytest.Update(incident.Recovered))
		head := b.oneHead(t)
		if last := b.confirmed[len(b.confirmed)-1]; last.TS != head.TS {
			t.Errorf("confirmed %v, the new head is %s", b.confirmed, head.TS)
		}
	})
}

func TestNotesAreSaidOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		u := notify.Update{Target: "fraud-scorer", At: time.Now(), Latest: true, Entries: []incident.Entry{
			{Kind: "held", By: "rule:latency", Text: "held: frozen by ana until 12:00 UTC"},
		}}
		b.stub.Fail(slackstub.Fault{Method: "chat.postMessage", DropReply: true})
		b.tell(t, u)
		b.tell(t, u)
		time.Sleep(time.Minute)
		b.restart(t)
		b.tell(t, u)
		if got := b.oneHead(t).Text; got != "fraud-scorer: held: frozen by ana until 12:00 UTC" {
			t.Errorf("the note says %q", got)
		}
	})
}

func TestHostileLabelsStayText(t *testing.T) {
	hostile := map[string]string{
		"mention":   "<!channel> <@U1> <https://evil.example|approve here> &lt;!here&gt;",
		"backticks": "`*_~```\n> quote\n• list",
		"direction": "v\u202e14\u202c\u200b\u2066x\u2069",
		"long":      strings.Repeat("<&>é😀", 1000),
		"control":   "a\x00b\x1b[31mc\x7f\xff\r\n",
		"empty":     "",
	}
	for name, evil := range hostile {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				u := notifytest.Update(incident.AwaitingApproval)
				poison(u.Incident, evil)
				u.Entries[0].Text = evil
				b.tell(t, u)
				head := b.oneHead(t)
				if len(head.Buttons()) != 2 {
					t.Errorf("Slack did not take the blocks:\n%s", b.logs)
				}
				for _, m := range b.stub.Messages() {
					checkHarmless(t, m)
				}
			})
		})
	}
}

// poison puts a text wherever a stranger's text can come from.
func poison(inc *incident.Incident, evil string) {
	inc.Version, inc.To, inc.Severity, inc.Ceiling, inc.ResolvedReason = evil, evil, evil, evil, evil
	inc.Resolved = notifytest.Start
	d := &inc.Decisions[0]
	d.Summary, d.Runbook, d.Commit, d.Rule, d.Evidence.Reason = evil, evil, evil, evil, evil
	d.Evidence.Values[evil] = d.Evidence.Values["blocked"]
	d.Evidence.Values["a"] = rules.Scalar{State: rules.State(evil + " ")}
	inc.Plan.From, inc.Plan.To, inc.Plan.Stage = evil, evil, evil
	for i := range inc.Plan.Steps {
		s := &inc.Plan.Steps[i]
		s.Text, s.From.Rev, s.To.Rev, s.Place = evil, evil, evil, evil
	}
	inc.Plan.Seal()
	inc.Approvals = []incident.Approval{{By: incident.Person{Name: evil}, Digest: inc.Plan.Digest, Note: evil}}
}

// checkHarmless wants no mention, no link but the console's, and no character
// that hides or turns text.
func checkHarmless(t *testing.T, m slackstub.Message) {
	t.Helper()
	for _, s := range append(textsOf(t, m), strings.ReplaceAll(m.Text, "`", "")) { // its marks are switched off
		s = strings.Replace(s, "<https://ripcord.example.com/incidents/fraud-scorer-3|open in the console>", "", 1)
		if strings.ContainsAny(s, "<>\u202e\u202c\u200b\u2066\u2069\x00\x1b\x7f\r") {
			t.Errorf("a text went through raw: %q", s)
		}
		if strings.Count(s, "`") > 2 {
			t.Errorf("a code span can be left: %q", s)
		}
	}
}

// textsOf are all the texts of a message's blocks.
func textsOf(t *testing.T, m slackstub.Message) (out []string) {
	t.Helper()
	var v any
	if err := json.Unmarshal(m.Blocks, &v); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if s, ok := v["text"].(string); ok && v["type"] == "mrkdwn" {
				out = append(out, s)
			} else if ok {
				out = append(out, strings.ReplaceAll(s, "`", "")) // plain_text reads no marks
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	return out
}
