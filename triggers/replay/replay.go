// Package replay reads the events of a backtest from a file: JSON lines, each a
// CloudEvent (or one of the plain forms of triggers.DecodeEvent) that says its own
// type, target and time. There is no table of targets: those of the file count.
package replay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/ripcord-dev/ripcord/triggers"
)

const (
	maxLine     = 1 << 20 // bytes of a line; longer ones are problems
	maxProblems = 100     // problems that are told one by one
)

// Problem is a line that is no event. The others were read.
type Problem struct {
	File   string
	Line   int // from 1
	Reason string
}

func (p Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason) }

// Read reads r line by line and calls fn for each event with its line. An event
// needs a time; without an id it gets the line number, without a source the file's
// name. Lines that are empty or begin with # are passed over.
//
// What is no event is a Problem, at most 100 of them and then one that counts the
// rest. The error is fn's, that of r, or ctx's; reading stopped there.
func Read(ctx context.Context, r io.Reader, name string, fn func(ev triggers.Event, line int) error) ([]Problem, error) {
	problems := problemList{file: name}
	in := bufio.NewReaderSize(r, 64<<10)
	for line := 1; ; line++ {
		if err := ctx.Err(); err != nil {
			return problems.all(), fmt.Errorf("read %s: %w", name, err)
		}
		text, tooLong, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return problems.all(), fmt.Errorf("read %s, line %d: %w", name, line, err)
		}
		if tooLong {
			problems.add(line, fmt.Sprintf("the line has more than %d bytes", maxLine))
		} else if text = bytes.TrimSpace(text); len(text) > 0 && text[0] != '#' {
			ev, bad := decode(text, name, line)
			if bad != nil {
				problems.add(line, bad.Error())
			} else if failed := fn(ev, line); failed != nil {
				return problems.all(), failed
			}
		}
		if err != nil {
			return problems.all(), nil
		}
	}
}

func decode(text []byte, name string, line int) (triggers.Event, error) {
	// The event's fields share the memory of its line, so that each has its own.
	ev, err := triggers.DecodeEvent(bytes.Clone(text))
	if err != nil {
		return ev, err
	}
	if ev.Time.IsZero() {
		return ev, fmt.Errorf("the event has no time: in a file it says when conditions are evaluated")
	}
	if ev.ID == "" {
		ev.ID = strconv.Itoa(line)
	}
	if ev.Source == triggers.SourceHTTP {
		ev.Source = name
	}
	return ev, nil
}

// readLine reads up to the next line end. A line that is too long is read to its
// end and dropped.
func readLine(in *bufio.Reader) (text []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(text)+len(part) > maxLine {
			tooLong, text = true, nil
		}
		if !tooLong {
			text = append(text, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, tooLong, err
		}
	}
}

type problemList struct {
	file string
	list []Problem
	more int
	last int
}

func (p *problemList) add(line int, reason string) {
	if len(p.list) < maxProblems {
		p.list = append(p.list, Problem{File: p.file, Line: line, Reason: reason})
		return
	}
	p.more++
	p.last = line
}

func (p *problemList) all() []Problem {
	if p.more == 0 {
		return p.list
	}
	return append(p.list, Problem{File: p.file, Line: p.last, Reason: fmt.Sprintf("this and %d problems before it are not listed", p.more-1)})
}

// Clock makes stream time from event time: forced monotone, over one file or
// several that are read one after the other. The zero Clock is ready.
type Clock struct{ now time.Time }

// At is the stream time of the event: its own time, or that of the newest event
// before it if that is later.
func (c *Clock) At(ev triggers.Event) time.Time {
	if ev.Time.After(c.now) {
		c.now = ev.Time
	}
	return c.now
}
