// Package examples holds complete set-ups that people can copy; the demo and the
// tests run them as they stand.
package examples

import "embed"

// Files are the examples' files, by path.
//
//go:embed */*.yml
var Files embed.FS
