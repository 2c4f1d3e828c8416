package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
	"github.com/ripcord-dev/ripcord/internal/journal"
)

// writeWait is how long one line of a feed or an export may take to leave.
const writeWait = 15 * time.Second

// export writes the journal as lines of JSON, oldest first. When it breaks off,
// the connection is cut.
func (a *api) export(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, "target", "from")
	if err != nil {
		return err
	}
	from, err := revision(q.Get("from"))
	if err != nil {
		return err
	}
	target := q.Get("target")
	if target != "" && target != incident.FleetName {
		if err := a.known(target); err != nil {
			return err
		}
	}
	if err := unlimited(w); err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	lines := json.NewEncoder(w)
	w.Header().Set("Content-Type", "application/jsonl")
	return a.Journal.Read(r.Context(), target, from, func(s journal.Stored) error {
		if err := ignoreUnsupported(rc.SetWriteDeadline(time.Now().Add(writeWait))); err != nil {
			return err
		}
		return lines.Encode(client.Line{Revision: s.Revision, Hash: s.Hash, Record: s.Record})
	})
}

func revision(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, invalid(fmt.Sprintf("from %q: want a revision", s), "0 is the beginning")
	}
	return n, nil
}

func (a *api) verify(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	if err := unlimited(w); err != nil {
		return err
	}
	report, err := journal.Verify(r.Context(), a.Journal)
	if err != nil {
		return err
	}
	v := client.Verification{OK: report.Break == nil, Records: report.Records, Targets: report.Targets, Last: report.Last}
	if b := report.Break; b != nil {
		v.Break = &client.Break{Target: b.Target, Revision: b.Revision, Computed: b.Computed, Recorded: b.Recorded}
	}
	return writeJSON(w, http.StatusOK, v)
}
