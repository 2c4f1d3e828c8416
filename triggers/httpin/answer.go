package httpin

import (
	"encoding/json"
	"net/http"

	"github.com/ripcord-dev/ripcord/triggers"
)

// answer is the body of a 202.
type answer struct {
	Accepted []string   `json:"accepted"`           // ids, in the order of the request
	Rejected []rejected `json:"rejected,omitempty"` // not accepted; each was kept as a dead letter
	Warnings []string   `json:"warnings,omitempty"`
}

type rejected struct {
	Index  int    `json:"index"` // position in the request, from 0; -1: the whole body
	Reason string `json:"reason"`
}

func reject(rejects []triggers.Reject) []rejected {
	var list []rejected
	for _, r := range rejects {
		list = append(list, rejected{Index: r.Index, Reason: r.Reason})
	}
	return list
}

// problem is an RFC 9457 body: a request that stays refused however often it is
// sent (but for 503).
type problem struct {
	Title    string     `json:"title"`
	Status   int        `json:"status"`
	Detail   string     `json:"detail"`
	Rejected []rejected `json:"rejected,omitempty"`
}

func (p *problem) Error() string { return p.Detail }

func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: nobody left to tell
}
