package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far a request's time may be from ours.
const maxSkew = 5 * time.Minute

// ErrSignature says that a request is not from Slack, or not of this moment. It
// never says what the right signature would be.
var ErrSignature = errors.New("the request has no valid signature of Slack's")

// Verify checks Slack's signature, version 0, of a raw body: HMAC-SHA256 with the
// app's signing secret over "v0:timestamp:body", compared in constant time, and
// not more than five minutes from now either way. An empty secret verifies
// nothing. https://docs.slack.dev/authentication/verifying-requests-from-slack
func Verify(secret string, header http.Header, body []byte, now time.Time) error {
	stamp := header.Get("X-Slack-Request-Timestamp")
	sum, versioned := strings.CutPrefix(header.Get("X-Slack-Signature"), "v0=")
	got, err := hex.DecodeString(sum)
	if secret == "" || !versioned || err != nil || sum != strings.ToLower(sum) {
		return ErrSignature
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + stamp + ":"))
	mac.Write(body)
	if !hmac.Equal(got, mac.Sum(nil)) {
		return ErrSignature
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > maxSkew {
		return ErrSignature
	}
	return nil
}
