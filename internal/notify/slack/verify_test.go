package slack_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ripcord-dev/ripcord/internal/notify/slack"
	"github.com/ripcord-dev/ripcord/internal/slackstub"
)

func signed(stamp, sum string) http.Header {
	h := http.Header{}
	h.Set("X-Slack-Request-Timestamp", stamp)
	h.Set("X-Slack-Signature", sum)
	return h
}

// The example of Slack's documentation.
func TestVerifyKnowsSlacksOwnExample(t *testing.T) {
	const secret = "8f742231b10e8888abcd99yyyzzz85a5"
	body := []byte("token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
		"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
		"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c")
	h := signed("1531420618", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")
	if err := slack.Verify(secret, h, body, time.Unix(1531420618, 0)); err != nil {
		t.Errorf("verify = %v", err)
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringN(1, 40, -1).Draw(t, "secret")
		body := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "body")
		now := time.Unix(rapid.Int64Range(1e9, 4e9).Draw(t, "now"), 0)
		stamp := strconv.FormatInt(now.Unix(), 10)
		sum := slackstub.Sign(secret, stamp, body)
		if err := slack.Verify(secret, signed(stamp, sum), body, now); err != nil {
			t.Fatalf("the right request is refused: %v", err)
		}
		eachFlip(body, func(bad []byte) {
			refused(t, slack.Verify(secret, signed(stamp, sum), bad, now), sum)
		})
		eachFlip([]byte(stamp), func(bad []byte) {
			refused(t, slack.Verify(secret, signed(string(bad), sum), body, now), sum)
		})
		eachFlip([]byte(sum), func(bad []byte) {
			refused(t, slack.Verify(secret, signed(stamp, string(bad)), body, now), sum)
		})
		eachFlip([]byte(secret), func(bad []byte) {
			refused(t, slack.Verify(string(bad), signed(stamp, sum), body, now), sum)
		})
	})
}

func eachFlip(raw []byte, f func([]byte)) {
	for i := range raw {
		for bit := range 8 {
			bad := append([]byte(nil), raw...)
			bad[i] ^= 1 << bit
			f(bad)
		}
	}
}

func refused(t *rapid.T, err error, sum string) {
	t.Helper()
	if err == nil {
		t.Fatal("a spoilt request is taken")
	}
	if strings.Contains(err.Error(), strings.TrimPrefix(sum, "v0=")) {
		t.Fatal("the error gives the right signature away")
	}
}

func TestARequestOfAnotherTimeIsRefused(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		age time.Duration
		ok  bool
	}{
		"five minutes old":           {5 * time.Minute, true},
		"a second older":             {5*time.Minute + time.Second, false},
		"five minutes ahead":         {-5 * time.Minute, true},
		"a second further ahead":     {-5*time.Minute - time.Second, false},
		"of the end of time":         {-290 * 365 * 24 * time.Hour, false},
		"of the beginning of clocks": {1_800_000_000 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			stamp := strconv.FormatInt(now.Add(-c.age).Unix(), 10)
			err := slack.Verify("s", signed(stamp, slackstub.Sign("s", stamp, nil)), nil, now)
			if (err == nil) != c.ok {
				t.Errorf("verify = %v, want ok = %v", err, c.ok)
			}
		})
	}
}

func TestNothingIsVerifiedWithoutItsParts(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	good := slackstub.Sign("s", "1800000000", nil)
	for name, h := range map[string]http.Header{
		"no headers":         {},
		"no signature":       signed("1800000000", ""),
		"no timestamp":       signed("", good),
		"another version":    signed("1800000000", "v1="+good[3:]),
		"an empty sum":       signed("1800000000", "v0="),
		"not a number":       signed("18e8", slackstub.Sign("s", "18e8", nil)),
		"a number too great": signed("99999999999999999999", slackstub.Sign("s", "99999999999999999999", nil)),
		"a far future":       signed("9223372036854775807", slackstub.Sign("s", "9223372036854775807", nil)),
	} {
		if slack.Verify("s", h, nil, now) == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if slack.Verify("", signed("1800000000", slackstub.Sign("", "1800000000", nil)), nil, now) == nil {
		t.Error("an empty secret verifies")
	}
}
