package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
)

// keepAlive is how often a quiet feed says that it lives.
const keepAlive = 15 * time.Second

// watch is the live feed (server-sent events) of the journal from now on: an
// event named change for every record. It has no memory: after a reconnect the
// client reads the lists again.
func (a *api) watch(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, "target")
	if err != nil {
		return err
	}
	only := q.Get("target")
	if only != "" {
		if err := a.known(only); err != nil {
			return err
		}
	}
	select {
	case a.watches <- struct{}{}:
		defer func() { <-a.watches }()
	default:
		return problem(http.StatusServiceUnavailable, fmt.Sprintf("there are %d live feeds already", maxWatches), "close one")
	}
	if err := unlimited(w); err != nil {
		return err
	}
	return a.feed(w, r, only)
}

// feed moves records from the watch to the client, one goroutine reading and this
// one writing.
func (a *api) feed(w http.ResponseWriter, r *http.Request, only string) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	records, ended := make(chan journal.Stored), make(chan error, 1)
	go func() {
		ended <- a.Watch(ctx, func(s journal.Stored) error {
			select {
			case records <- s:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	if err := send(w, ": watching\n\n"); err != nil {
		return err
	}
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case err = <-ended:
			return err
		case <-alive.C:
			err = send(w, ": alive\n\n")
		case s := <-records:
			err = sendChange(w, s, only)
		}
		if err != nil {
			return err
		}
	}
}

func sendChange(w http.ResponseWriter, s journal.Stored, only string) error {
	if only != "" && s.Record.Target != only {
		return nil
	}
	change, err := changeOf(s)
	if err != nil {
		return err
	}
	body, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("encode change: %w", err)
	}
	return send(w, fmt.Sprintf("id: %d\nevent: change\ndata: %s\n\n", s.Revision, body))
}

func changeOf(s journal.Stored) (client.Change, error) {
	c := client.Change{Revision: s.Revision, Target: s.Record.Target, At: s.Record.At}
	var err error
	if c.Entries, err = entriesOf(s.Record, ""); err != nil || s.Record.Target == incident.FleetName {
		return c, err
	}
	own, err := incidentIn(s.Record)
	c.Incident = client.Summarize(own)
	return c, err
}

func send(w http.ResponseWriter, text string) error {
	rc := http.NewResponseController(w)
	if err := ignoreUnsupported(rc.SetWriteDeadline(time.Now().Add(writeWait))); err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return rc.Flush()
}
