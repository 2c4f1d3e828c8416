package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ripcord-dev/ripcord/actions"
)

const (
	maxMark  = 4 << 10
	lockPoll = 10 * time.Millisecond
)

// mark is what the file beside the link remembers: the last attempt, and whether
// the service was told. It speaks of one symlink only, so that a link that
// somebody else put there has no mark.
type mark struct {
	Key      string        `json:"key"`
	Incident string        `json:"incident"`
	Token    actions.Fence `json:"token"`
	To       string        `json:"to"`
	Told     bool          `json:"told"`
	Ino      uint64        `json:"ino,omitempty"`
	Made     time.Time     `json:"made,omitzero"`
}

// speaksOf tells whether the service was told of this very symlink.
func (m mark) speaksOf(at spot) bool {
	return m.Told && m.To == at.rev && m.Ino == at.ino && m.Made.Equal(at.since)
}

// admit refuses an attempt that has been overtaken: by its own deadline, or by a
// newer owner who acted for the same incident.
func (m mark) admit(a actions.Attempt) error {
	if !a.Deadline.IsZero() && time.Now().After(a.Deadline) {
		return actions.Errorf(actions.Retry, "attempt %d of %s is past its deadline: nothing was done", a.N, a.Key)
	}
	same := m.Incident == a.Incident && m.Token.Incarnation == a.Token.Incarnation
	if same && a.Token.Epoch < m.Token.Epoch {
		return actions.Errorf(actions.Denied, "attempt %d of %s has epoch %d, but epoch %d has acted already: another replica owns the target",
			a.N, a.Key, a.Token.Epoch, m.Token.Epoch)
	}
	return nil
}

// markFile is the open mark with the lock on it. The lock dies with the process.
type markFile struct {
	mark
	file *os.File
}

// lockMark opens the mark and waits for the lock until ctx ends.
func lockMark(ctx context.Context, path string) (*markFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, coded(fmt.Errorf("open the mark: %w", err))
	}
	if err := lock(ctx, file); err != nil {
		file.Close()
		return nil, err
	}
	m, err := readMark(file)
	if err != nil {
		file.Close()
		return nil, coded(err)
	}
	return &markFile{mark: m, file: file}, nil
}

func lock(ctx context.Context, file *os.File) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return coded(fmt.Errorf("lock %s: %w", file.Name(), err))
		}
		select {
		case <-ctx.Done():
			return actions.Errorf(actions.Retry, "lock %s: another move is going on: %w", file.Name(), ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// peekMark reads the mark without waiting; busy means that a move is going on.
func peekMark(path string) (m mark, busy bool, err error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return mark{}, false, nil
	}
	if err != nil {
		return mark{}, false, coded(fmt.Errorf("open the mark: %w", err))
	}
	defer file.Close()
	err = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return mark{}, true, nil
	}
	if err != nil {
		return mark{}, false, coded(fmt.Errorf("lock %s: %w", path, err))
	}
	m, err = readMark(file)
	return m, false, coded(err)
}

// readMark reads what is there. A mark that a crash left half written says
// nothing.
func readMark(file *os.File) (mark, error) {
	raw, err := io.ReadAll(io.NewSectionReader(file, 0, maxMark))
	if err != nil {
		return mark{}, fmt.Errorf("read the mark: %w", err)
	}
	var m mark
	if json.Unmarshal(raw, &m) != nil {
		return mark{}, nil
	}
	return m, nil
}

// write replaces the mark and makes it durable.
func (f *markFile) write(m mark) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode the mark: %w", err)
	}
	if err := f.file.Truncate(0); err != nil {
		return coded(fmt.Errorf("write the mark: %w", err))
	}
	if _, err := f.file.WriteAt(append(raw, '\n'), 0); err != nil {
		return coded(fmt.Errorf("write the mark: %w", err))
	}
	if err := f.file.Sync(); err != nil {
		return coded(fmt.Errorf("write the mark: %w", err))
	}
	f.mark = m
	return nil
}

func (f *markFile) close() { f.file.Close() }
