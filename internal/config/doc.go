// Package config reads the daemon's own files: ripcord.yml and the tokens file.
//
// Reading is strict and tells everything at once. A key that nobody knows, a key
// that stands twice, an anchor, an alias, a tag or a value of the wrong kind is a
// problem with its file, line, column, a caret and a hint; one reading reports
// all of them. A file without an error in it gives a Config in which every default
// is filled in. The file testdata/full.yml shows every key with its default.
//
// Secrets are never in the file. A key that would hold one is refused, and the
// file or the environment variable that holds it is named instead; it is read
// again at every use, so that a rotated secret needs no restart.
//
// Parse does no I/O; LoadFile reads one file. Relative paths are meant from the
// file's directory and come out joined with it.
package config
