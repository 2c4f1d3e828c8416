//go:build !linux

package files

import "io/fs"

// changed is not read here: names, sizes, times and inodes have to do.
func changed(fs.FileInfo) int64 { return 0 }
