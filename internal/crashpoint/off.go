//go:build !crashpoint

// Package crashpoint names the places where a crash hurts most. In an ordinary
// build Hit is empty; under the build tag crashpoint it ends the process with
// SIGKILL where RIPCORD_CRASHPOINT says so, and the crash tests restart it and
// count the effects from outside.
package crashpoint

// Hit marks a place by its name, such as exec.after_intent.
func Hit(string) {}
