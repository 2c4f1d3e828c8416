package slack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ripcord-dev/ripcord/internal/notify"
)

// thread is what is known of one incident's messages.
type thread struct {
	channel, ts string
	shown       int    // the revision that the head shows; negative when not known
	face        string // what it says, as faceOf names it; empty when not known
	// confirmed tells that the journal has the head; question is the last one that
	// it has confirmed.
	confirmed bool
	question  string
	// said are the keys of the lines in the thread; complete tells that there are
	// no others.
	said     map[string]bool
	complete bool
}

// memory is what this process remembers of the channel, bounded. Whatever is
// forgotten can be looked up in the channel.
type memory struct {
	threads map[string]*thread
	notes   map[string]bool
	order   []string // of threads and notes, oldest first
	lost    map[string]bool
}

const maxRemembered = 1024

func newMemory() memory {
	return memory{threads: make(map[string]*thread), notes: make(map[string]bool), lost: make(map[string]bool)}
}

func (m *memory) keep(incidentID string, t *thread) *thread {
	m.threads[incidentID] = t
	m.remember(incidentID)
	return t
}

func (m *memory) noted(key string) {
	m.notes[key] = true
	m.remember(key)
}

func (m *memory) remember(key string) {
	delete(m.lost, key)
	if slices.Contains(m.order, key) {
		return
	}
	m.order = append(m.order, key)
	if len(m.order) > maxRemembered {
		delete(m.threads, m.order[0])
		delete(m.notes, m.order[0])
		m.order = m.order[1:]
	}
}

// keyOf names an update's words: the same update after a restart has the same
// key.
func keyOf(u notify.Update) string {
	return hash(u.Target, u.Entries)
}

// faceOf names what a head says, apart from the small print, whose relative times
// change by themselves.
func faceOf(m notify.Message) string {
	small := len(m.Context)
	m.Thread, m.Context = nil, nil
	return hash(m, small)
}

func hash(parts ...any) string {
	raw, err := json.Marshal(parts)
	if err != nil {
		panic(fmt.Sprintf("marshal words: %v", err)) // they hold only strings, numbers and times
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}
