package files

import (
	"io/fs"
	"syscall"
)

// changed is when the inode last changed, which no program can set back.
func changed(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctim.Nano()
	}
	return 0
}
