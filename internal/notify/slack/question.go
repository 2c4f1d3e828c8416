package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// question is what a button stands for: one revision of one incident, with one
// plan. It names no command and no target; what happens is looked up.
type question struct {
	Incident string `json:"incident"`
	Revision int    `json:"revision"`
	Digest   string `json:"digest"`
}

// errSeal says that a button's value is not one that this daemon wrote.
var errSeal = errors.New("the button's value has no seal of ours")

// seal makes the value of a button: the question and its HMAC-SHA256.
func seal(key []byte, q question) string {
	raw, err := json.Marshal(q)
	if err != nil {
		panic(fmt.Sprintf("marshal question: %v", err)) // it holds only strings and a number
	}
	body := base64.RawURLEncoding.EncodeToString(raw)
	return body + "." + base64.RawURLEncoding.EncodeToString(tag(key, body))
}

// unseal gives the question back if seal made the value with the same key.
func unseal(key []byte, value string) (question, error) {
	body, mac, ok := strings.Cut(value, ".")
	got, err := base64.RawURLEncoding.Strict().DecodeString(mac)
	if !ok || err != nil || !hmac.Equal(got, tag(key, body)) {
		return question{}, errSeal
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return question{}, errSeal
	}
	var q question
	if err := json.Unmarshal(raw, &q); err != nil {
		return question{}, errSeal
	}
	return q, nil
}

func tag(key []byte, body string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("ripcord/slack/button/v1:" + body))
	return mac.Sum(nil)
}
