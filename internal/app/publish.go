package app

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/cluster"
	"github.com/ripcord-dev/ripcord/triggers"
)

// publish stores one message in the events stream; nil only after its PubAck.
func (d *daemon) publish(ctx context.Context, subject string, header map[string][]string, msgID string, body []byte) error {
	msg := &nats.Msg{Subject: subject, Header: nats.Header(header), Data: body}
	opts := []jetstream.PublishOpt{jetstream.WithExpectStream(cluster.EventsStream)}
	if msgID != "" {
		opts = append(opts, jetstream.WithMsgID(msgID))
	}
	if _, err := d.cluster.JetStream().PublishMsg(ctx, msg, opts...); err != nil {
		return fmt.Errorf("store the event: %w", err)
	}
	return nil
}

func (d *daemon) publishOne(ctx context.Context, ev triggers.Event) error {
	header := map[string][]string{"Content-Type": {triggers.ContentEvent}}
	return d.publish(ctx, triggers.Subject(ev.Type, ev.Target), header, ev.Source+"/"+ev.ID, triggers.Encode(ev))
}

// maxBatch bounds a message of several events, in bytes.
const maxBatch = 200 << 10

// publishAll stores events, those of one type and target together, in their order.
func (d *daemon) publishAll(ctx context.Context, events []triggers.Event) error {
	header := map[string][]string{"Content-Type": {triggers.ContentEventBatch}}
	for len(events) > 0 {
		subject := triggers.Subject(events[0].Type, events[0].Target)
		body := append([]byte{'['}, triggers.Encode(events[0])...)
		n := 1
		for n < len(events) && triggers.Subject(events[n].Type, events[n].Target) == subject && len(body) < maxBatch/2 {
			body = triggers.AppendEvent(append(body, ','), events[n])
			n++
		}
		if err := d.publish(ctx, subject, header, "", append(body, ']')); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}
