package triggers

import (
	"bytes"
	"fmt"
)

// MaxEvents is how many events one message or one request may hold.
const MaxEvents = 10_000

// split cuts a body into its elements without judging them: the members of a JSON
// array, the lines of an NDJSON body, or the one object that it is. What comes
// after the first MaxEvents elements is returned as rest, in the form that split
// reads. An error means that the body as a whole can not be read.
func split(body []byte) (elements [][]byte, rest []byte, err error) {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return nil, nil, fmt.Errorf("the body is empty")
	case body[0] == '[':
		return splitArray(body)
	}
	fault := verify(body, false)
	if fault == nil {
		return [][]byte{body}, nil, nil
	}
	if elements, rest = splitLines(body); elements == nil {
		return nil, nil, fmt.Errorf("the body can not be read: %w", fault)
	}
	return elements, rest, nil
}

// splitLines cuts NDJSON. It returns nothing when the body does not look like
// it: there must be several lines, and one of them must be an object.
func splitLines(body []byte) (elements [][]byte, rest []byte) {
	found := false
	for len(body) > 0 {
		if len(elements) == MaxEvents {
			return elements, body
		}
		var line []byte
		line, body, _ = bytes.Cut(body, []byte{'\n'})
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		found = found || line[0] == '{' && verify(line, false) == nil
		elements = append(elements, line)
	}
	if !found || len(elements) < 2 {
		return nil, nil
	}
	return elements, nil
}

// splitArray cuts at the commas of the outermost level, so that one element that
// is no JSON does not spoil the others.
func splitArray(body []byte) (elements [][]byte, rest []byte, err error) {
	pos := skipSpace(body, 1)
	if pos < len(body) && body[pos] == ']' {
		return nil, nil, trailing(body, pos+1)
	}
	for {
		end := elementEnd(body, pos)
		if end >= len(body) {
			return nil, nil, fmt.Errorf("the array has no end: the body was cut off, or a bracket or a quote is not closed")
		}
		elements = append(elements, bytes.TrimSpace(body[pos:end]))
		if body[end] != ',' {
			return elements, nil, trailing(body, end+1)
		}
		pos = end + 1
		if len(elements) == MaxEvents {
			return elements, append([]byte{'['}, body[pos:]...), nil
		}
	}
}

// elementEnd is the position of the comma or the bracket that ends the element
// at pos, or the length of the body.
func elementEnd(body []byte, pos int) int {
	for depth := 0; pos < len(body); pos++ {
		switch body[pos] {
		case '"':
			pos = stringEnd(body, pos)
		case '{', '[':
			depth++
		case ',':
			if depth == 0 {
				return pos
			}
		case '}', ']':
			if depth == 0 {
				return pos
			}
			depth--
		}
	}
	return len(body)
}

// stringEnd is the position of the quote that ends the string at pos.
func stringEnd(body []byte, pos int) int {
	for pos++; pos < len(body) && body[pos] != '"'; pos++ {
		if body[pos] == '\\' {
			pos++
		}
	}
	return pos
}

func trailing(body []byte, pos int) error {
	if body[pos-1] != ']' {
		return fmt.Errorf("the array is closed by %q", body[pos-1])
	}
	if pos = skipSpace(body, pos); pos < len(body) {
		return fmt.Errorf("byte %d follows the end of the array", pos+1)
	}
	return nil
}
