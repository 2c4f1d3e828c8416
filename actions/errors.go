package actions

import (
	"errors"
	"fmt"
)

// Code is the coarse kind of an action's error: what the engine does next.
type Code string

// The codes, which are also the words on the wire (DESIGN §7).
const (
	Drift     Code = "drift"     // the place is neither at From nor at To: stop
	Denied    Code = "denied"    // not allowed: a person must change something
	Retry     Code = "retry"     // nothing happened, and later it may work
	Permanent Code = "permanent" // it can never work like this
	Unknown   Code = "unknown"   // it may have happened: verify before anything else
)

// Error is an action's error with its code. The text is for people: what was
// done, what was seen, what to do.
type Error struct {
	Code Code
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the error that carries the text.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of that code.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// CodeOf is the code of an error: Unknown when it has none, since nobody can
// then say that nothing happened. It is empty for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Unknown
}
