package httpapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/triggers"
)

func (a *api) deadLetter(w http.ResponseWriter, r *http.Request) error {
	seq, err := letterSeq(r)
	if err != nil {
		return err
	}
	letter, err := a.DeadLetters.Show(r.Context(), seq)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, letterView(letter, true))
}

func (a *api) requeue(w http.ResponseWriter, r *http.Request) error {
	seq, err := letterSeq(r)
	if err != nil {
		return err
	}
	if err := readBody(w, r, &struct{}{}); err != nil {
		return err
	}
	if err := a.DeadLetters.Requeue(r.Context(), seq); err != nil {
		return err
	}
	a.told(r).Uint64("seq", seq).Msg("requeue a dead letter")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func letterSeq(r *http.Request) (uint64, error) {
	seq, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil || seq == 0 {
		return 0, invalid(fmt.Sprintf("%q is not the number of a dead letter", r.PathValue("id")), "GET /api/v1/deadletter lists them")
	}
	return seq, nil
}

// letterView is a dead letter on the wire; what came in can be anything.
func letterView(l triggers.DeadLetter, whole bool) client.DeadLetter {
	v := client.DeadLetter{
		Seq: l.Seq, At: l.At, Code: string(l.Code), Reason: l.Reason,
		Subject: l.Subject, Source: l.Source, Origin: l.Origin, Size: len(l.Body),
	}
	if !whole {
		return v
	}
	v.Header = l.Header
	if v.Body = string(l.Body); !utf8.Valid(l.Body) {
		v.Body, v.Base64 = base64.StdEncoding.EncodeToString(l.Body), true
	}
	return v
}
