package natsjournal

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// SetTimes makes lost answers and lost consumers show sooner.
func (j *Journal) SetTimes(patience, pull time.Duration) { j.patience, j.pull = patience, pull }

// Strange is a journal that the suite can write foreign bytes to.
type Strange struct{ *Journal }

// Inject publishes bytes as a stranger would.
func (j Strange) Inject(ctx context.Context, target string, encoded []byte) (uint64, error) {
	ack, err := j.js.Publish(ctx, subject(target), encoded, jetstream.WithExpectStream(Stream))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// SetAckWait makes the server impatient.
func (j *Journal) SetAckWait(d time.Duration) { j.ackWait = d }
