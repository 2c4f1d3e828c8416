package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
	"github.com/ripcord-dev/ripcord/internal/notify"
	"github.com/ripcord-dev/ripcord/rules"
)

// teller keeps what it was told, and fails as often as it is asked to.
type teller struct {
	fail  int
	told  []notify.Update
	calls int
}

func (*teller) Name() string { return "teller" }

func (n *teller) Notify(_ context.Context, u notify.Update) error {
	n.calls++
	if n.fail > 0 {
		n.fail--
		return errors.New("slack is down")
	}
	n.told = append(n.told, u)
	return nil
}

func TestWhatCouldNotBeSaidIsSaidLaterInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.NewMemory()
		n := &teller{fail: 2}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Outbox{Journal: j, Notifier: n}.Run(ctx) }()
		synctest.Wait()
		h := build(j, &place{live: "v41"})
		h.start()
		h.releases(t)
		h.submit(t, incident.Decide{Decision: decision("d1")})
		h.want(t, incident.Verifying)
		inc := h.state(t).Incident
		h.submit(t, incident.Posted{Incident: inc.ID, Notifier: "teller", Post: incident.Post{Channel: "C", TS: "1", Revision: 1}})
		h.submit(t, recovery(rules.False))
		time.Sleep(time.Minute) // the failed ones come again
		h.close(t)
		stop()
		<-done
		var kinds []string
		newest := 0
		for _, u := range n.told {
			for _, e := range u.Entries {
				kinds = append(kinds, e.Kind)
			}
			if u.Incident == nil {
				continue
			}
			if !u.Latest || u.Incident.Revision < newest {
				t.Errorf("told of revision %d after %d, latest %t: an incident never goes back", u.Incident.Revision, newest, u.Latest)
			}
			newest = u.Incident.Revision
		}
		if n.calls != len(n.told)+2 {
			t.Errorf("%d calls for %d updates: two had failed", n.calls, len(n.told))
		}
		if slices.Contains(kinds, incident.KindPosted) {
			t.Errorf("told of its own message: %v", kinds)
		}
		for _, want := range []string{"open", "planned", "executing", "verifying", "judged"} {
			if !slices.Contains(kinds, want) {
				t.Errorf("never told that it is %s: %v", want, kinds)
			}
		}
	})
}
