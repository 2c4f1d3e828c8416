//go:build real

package realtest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/incident"
)

const sumRules = `
signals:
  payments: {type: payment, fields: {lost: number}}
groups:
- name: shop
  target: shop
  interval: 500ms
  rules:
  - rule: declined
    trigger: business_metric_drop
    if: |
      sum(payments, lost, "1m") >= 6
    for: 0s
    mode: auto
`

const natsConfig = `
data: {dir: data}
nats: {url: %s}
web: {listen: 127.0.0.1:0}
people: {ana: {slack: T1/U1, groups: [oncall]}}
rule_sources: [{path: shop.rules.yml, team: shop, max_mode: auto}]
sources:
- {name: till, kind: nats, subject: till.>, type: payment, target: {subject_token: 2}, version: model_version}
targets:
  shop:
    mode: auto
    approve: {from: [group:oncall]}
    stages:
    - name: deploy
      verify: {stable: 1s, within: 1m}
      steps: [{kind: webhook, url: %s, class: B, allow_private: [127.0.0.0/8]}]
guards: {known_good_after: 1s}
`

// A server of NATS of its own, every shape of event by JetStream publish, a foreign
// stream, dead letters, and the server's death in the middle.
func TestRealNATSServer(t *testing.T) {
	dir, p := t.TempDir(), newPlace("v41")
	addr := freePort(t)
	conf := fmt.Sprintf("listen: %s\njetstream { store_dir: %q, sync_interval: always }\n", addr, filepath.Join(dir, "js"))
	write(t, filepath.Join(dir, "nats.conf"), []byte(conf))
	binary := built(t, natsServer)
	server := process(t, dir, binary, "-c", "nats.conf")
	url := "nats://" + addr
	var nc *nats.Conn
	eventually(t, "connected to "+url, func() (ok bool) {
		var err error
		nc, err = nats.Connect(url, nats.MaxReconnects(-1))
		return err == nil
	})
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "TILL", Subjects: []string{"till.>"}}); err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, dir, fmt.Sprintf(natsConfig, url, served(t, p)), map[string][]byte{"shop.rules.yml": []byte(sumRules)})
	publish := func(subject, body string, header nats.Header) {
		t.Helper()
		eventually(t, "published on "+subject, func() bool {
			_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Header: header, Data: []byte(body)})
			return err == nil
		})
	}
	const subject = "ripcord.events.payment.shop"
	d.release("shop", p, func() {
		for i := range 12 { // v41 is watched: a release that nobody saw is not known to be good
			publish(subject, fmt.Sprintf(`{"id":"good-%d","version":"v41","lost":0}`, i), nil)
			time.Sleep(250 * time.Millisecond) // the pace of the story
		}
	})
	eventually(t, "reading the foreign stream", func() bool {
		ready, err := d.api.Ready(t.Context())
		return err == nil && !strings.Contains(ready, "source till")
	})

	publish(subject, `{"id":"a","version":"v42","lost":1}`, nil)
	publish(subject, `{"id":"b","version":"v42","lost":1}`+"\n"+`{"id":"c","version":"v42","lost":1}`, nil)
	publish(subject, `{"specversion":"1.0","id":"d","source":"s","type":"payment","data":{"target":"shop","version":"v42","lost":1}}`,
		nats.Header{"Content-Type": {"application/cloudevents+json"}})
	publish(subject, `{"version":"v42","lost":1}`,
		nats.Header{"ce-specversion": {"1.0"}, "ce-id": {"e"}, "ce-source": {"s"}, "ce-type": {"payment"}})
	publish(subject, `no json`, nil)
	publish("ripcord.events.payment.nobody", `{"lost":1}`, nil)
	eventually(t, "two dead letters", func() bool {
		page, err := d.api.DeadLetters(t.Context(), client.Query{})
		return err == nil && len(page.Items) == 2
	})
	if live, _ := p.seen(); live != "v42" {
		t.Fatal("five lost payments are not six, and the place has moved")
	}

	// The server dies and comes back on its store; the sixth event comes after.
	_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
	_ = server.Wait()
	process(t, dir, binary, "-c", "nats.conf")
	publish("till.shop", `{"model_version":"v42","lost":1}`, nil)
	inc := d.incident("shop", incident.Verifying)
	if live, moves := p.seen(); live != "v41" || moves != 1 {
		t.Errorf("the place is at %s after %d moves, want v41 after 1", live, moves)
	}
	got, err := d.api.Incident(t.Context(), inc.ID)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(got.Decisions[0].Evidence)
	t.Logf("%s: %s", inc.ID, raw)
	d.verified()
}
