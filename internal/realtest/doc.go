// Package realtest holds the tests of the whole program: the crash tests (build
// tag crashpoint), which kill the real binary at every named place, and the tests
// against real foreign servers (build tag real). None of the latter is skipped:
// where a server is missing they fail and say how to get it.
package realtest
