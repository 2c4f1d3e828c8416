package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ripcord-dev/ripcord/actions"
)

// coded gives a file system's error the code that tells what helps, for a moment
// at which nothing has happened yet. An error that has a code keeps it.
func coded(err error) error {
	var known *actions.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &actions.Error{Code: codeOf(err), Err: err}
}

func codeOf(err error) actions.Code {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return actions.Retry
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return actions.Denied
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP),
		errors.Is(err, unix.ENAMETOOLONG), errors.Is(err, unix.EISDIR):
		return actions.Permanent
	}
	return actions.Retry // no space, no descriptors, a disk that stumbles: later it may work
}

func inode(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
