package cluster

import (
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
)

// serverLog takes the embedded server's log: warnings and worse are passed on, and
// the last error is kept as the reason of a failed start.
type serverLog struct {
	log zerolog.Logger

	mu    sync.Mutex
	last  string
	ended bool
}

// Noticef, Debugf and Tracef keep the server's small talk out of the log.
func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

func (l *serverLog) Warnf(format string, v ...any) { l.log.Warn().Msgf(format, v...) }

func (l *serverLog) Errorf(format string, v ...any) { l.write(false, format, v...) }

// Fatalf does not end the process: whether the server runs is looked at where it
// is started.
func (l *serverLog) Fatalf(format string, v ...any) { l.write(true, format, v...) }

func (l *serverLog) write(fatal bool, format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.log.Error().Msg(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.last = text
	}
	l.ended = l.ended || fatal
}

// fatal says whether the server has given up.
func (l *serverLog) fatal() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// reason is why the server did not start.
func (l *serverLog) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == "" {
		return fmt.Errorf("it was not ready within %s", startPatience)
	}
	return errors.New(l.last)
}
