package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxLine is the longest line of a feed or an export: a record and its frame.
const maxLine = 1 << 20

// Journal calls fn for every record after revision from, oldest first, of one
// target or of all (target empty), up to the end as it is now. An answer that
// breaks off is an error.
func (c *Client) Journal(ctx context.Context, target string, from uint64, fn func(Line) error) error {
	v := url.Values{}
	if target != "" {
		v.Set("target", target)
	}
	if from > 0 {
		v.Set("from", strconv.FormatUint(from, 10))
	}
	resp, err := c.send(ctx, c.patient(), http.MethodGet, "/api/v1/journal?"+v.Encode(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := json.NewDecoder(resp.Body)
	for {
		var line Line
		switch err := lines.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the journal's export: %w", err)
		}
		if err := fn(line); err != nil {
			return err
		}
	}
}

// Watch calls fn for every record from now on, of one target or of all, until ctx
// ends, fn returns an error or the connection breaks. Started is called once the
// server has answered; it may be nil.
func (c *Client) Watch(ctx context.Context, target string, started func(), fn func(Change) error) error {
	path := "/api/v1/watch"
	if target != "" {
		path += "?" + url.Values{"target": {target}}.Encode()
	}
	resp, err := c.send(ctx, c.patient(), http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if started != nil {
		started()
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var change Change
		if err := json.Unmarshal([]byte(data), &change); err != nil {
			return fmt.Errorf("read the live feed: %w", err)
		}
		if err := fn(change); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("read the live feed: %w", err)
	}
	return ctx.Err()
}

// patient is the HTTP client without its time-out.
func (c *Client) patient() *http.Client {
	h := *c.HTTP
	h.Timeout = 0
	return &h
}
