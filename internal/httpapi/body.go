package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode"

	"github.com/ripcord-dev/ripcord/triggers"
)

// maxBody bounds the body of a request that changes something.
const maxBody = 64 << 10

// readBody decodes a request's JSON object, strictly: no unknown member, none
// twice, none in other letters than it is written. No body is an empty object.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d KiB", maxBody>>10), "")
		}
		return invalid("the body could not be read", "")
	}
	if len(raw) == 0 {
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return problem(http.StatusUnsupportedMediaType, "the body must be JSON", "send Content-Type: application/json")
	}
	if err := strictMembers(raw); err != nil {
		return invalid(err.Error(), "")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return invalid(strings.TrimPrefix(err.Error(), "json: "), "GET /api/v1/openapi.yaml describes the body")
	}
	return nil
}

// strictMembers refuses what package json would read leniently: members that
// stand twice, and members in capitals, which it would take for others.
func strictMembers(object []byte) error {
	fields, err := triggers.ParseFields(object)
	if err != nil {
		return fmt.Errorf("the body can not be read: %w", err)
	}
	fields.Each(func(key []byte, _ triggers.Value) {
		if name := string(key); strings.ContainsFunc(name, foldable) {
			err = fmt.Errorf("unknown field %q", name)
		}
	})
	return err
}

// foldable tells the letters that package json would take for others: all of our
// names are written in small ASCII letters.
func foldable(r rune) bool { return r >= 'A' && r <= 'Z' || r > unicode.MaxASCII }
