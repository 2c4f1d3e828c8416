package journal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Memory is the twin of the real journal: the same promises, kept in this
// process only. It is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	log     []entry // the record of revision n is at n-1
	heads   map[string]uint64
	readers map[string]*reader
	grown   chan struct{} // closed and made anew by every write
	faults  []fault
}

type entry struct {
	target  string
	encoded []byte
}

// reader is a durable reader's position. Who holds busy delivers.
type reader struct {
	busy chan struct{}
	read uint64
}

type fault struct {
	err     error
	applied bool
}

// NewMemory is an empty journal.
func NewMemory() *Memory {
	return &Memory{heads: map[string]uint64{}, readers: map[string]*reader{}, grown: make(chan struct{})}
}

// FailAppend makes the next Append that comes as far as writing answer err.
// With applied the record is written all the same, as when an answer is lost.
// Calls add up: each is for one Append more.
func (m *Memory) FailAppend(err error, applied bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, fault{err, applied})
}

// Inject writes bytes as the next record of a target, whatever they are: what
// another build or a stranger could have left there.
func (m *Memory) Inject(_ context.Context, target string, encoded []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.write(target, encoded), nil
}

// Head implements Journal.
func (m *Memory) Head(ctx context.Context, target string) (Head, error) {
	if err := ctx.Err(); err != nil {
		return Head{}, fmt.Errorf("read head of %s: %w", target, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	revision := m.heads[target]
	if revision == 0 {
		return Head{}, nil
	}
	s, err := m.stored(revision)
	if err != nil {
		return Head{}, fmt.Errorf("read head of %s: %w", target, err)
	}
	return Head(s), nil
}

// Targets implements Journal; the names are sorted.
func (m *Memory) Targets(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list targets: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.heads)), nil
}

// Append implements Journal.
func (m *Memory) Append(ctx context.Context, head Head, r Record) (Head, error) {
	r, err := Next(head, r)
	if err != nil {
		return Head{}, err
	}
	encoded, hash, err := Encode(r)
	if err != nil {
		return Head{}, err
	}
	if err := ctx.Err(); err != nil {
		return Head{}, fmt.Errorf("append record of %s: %w: %w", r.Target, ErrUnavailable, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if last := m.heads[r.Target]; last != head.Revision {
		return Head{}, fmt.Errorf("append record of %s after revision %d, the last is %d: %w", r.Target, head.Revision, last, ErrConflict)
	}
	if f, found := m.fault(); found && !f.applied {
		return Head{}, f.err
	} else if found {
		m.write(r.Target, encoded)
		return Head{}, f.err
	}
	r, _, err = Decode(encoded)
	return Head{Revision: m.write(r.Target, encoded), Hash: hash, Record: r}, err
}

// Read implements Journal.
func (m *Memory) Read(ctx context.Context, target string, from uint64, fn func(Stored) error) error {
	m.mu.Lock()
	end := uint64(len(m.log))
	m.mu.Unlock()
	for revision := from + 1; revision <= end; revision++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		m.mu.Lock()
		wanted := target == "" || m.log[revision-1].target == target
		s, err := m.stored(revision)
		m.mu.Unlock()
		if !wanted {
			continue
		}
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return nil
}

// Follow implements Journal. A new name's reader exists as soon as Follow is
// running: what is appended after that is delivered. A record that cannot be
// decoded is passed over.
func (m *Memory) Follow(ctx context.Context, name string, fn func(context.Context, Stored) error) error {
	r := m.reader(name)
	failures := uint64(0)
	for {
		err := m.deliver(ctx, r, fn)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			failures = 0
			continue
		}
		failures++
		select {
		case <-time.After(RetryAfter(failures)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// deliver waits for the reader's next record and hands it to fn.
func (m *Memory) deliver(ctx context.Context, r *reader, fn func(context.Context, Stored) error) error {
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s, err := m.await(ctx, r.read+1)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil { // else it is damaged: nothing can be told of it, Verify finds it
		if err := fn(ctx, s); err != nil {
			return err
		}
	}
	r.read++
	return nil
}

// await is the record of a revision, when it has been written.
func (m *Memory) await(ctx context.Context, revision uint64) (Stored, error) {
	for {
		m.mu.Lock()
		grown, there := m.grown, revision <= uint64(len(m.log))
		if there {
			defer m.mu.Unlock()
			return m.stored(revision)
		}
		m.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return Stored{}, ctx.Err()
		}
	}
}

func (m *Memory) reader(name string) *reader {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found := m.readers[name]
	if !found {
		r = &reader{busy: make(chan struct{}, 1), read: uint64(len(m.log))}
		m.readers[name] = r
	}
	return r
}

// The methods below need the lock.

func (m *Memory) fault() (fault, bool) {
	if len(m.faults) == 0 {
		return fault{}, false
	}
	f := m.faults[0]
	m.faults = m.faults[1:]
	return f, true
}

func (m *Memory) stored(revision uint64) (Stored, error) {
	r, hash, err := Decode(m.log[revision-1].encoded)
	if err != nil {
		return Stored{}, fmt.Errorf("revision %d: %w", revision, err)
	}
	return Stored{Revision: revision, Hash: hash, Record: r}, nil
}

func (m *Memory) write(target string, encoded []byte) uint64 {
	m.log = append(m.log, entry{target, slices.Clone(encoded)})
	close(m.grown)
	m.grown = make(chan struct{})
	m.heads[target] = uint64(len(m.log))
	return m.heads[target]
}
