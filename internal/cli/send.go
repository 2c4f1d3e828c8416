package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

// maxSend is what one request may hold.
const maxSend = 8 << 20

func (e *env) send() *cobra.Command {
	var typ, target, version string
	c := &cobra.Command{
		Use: "send [FILE | NAME=VALUE...]", Short: "Publish events: one from flags, or JSON lines from a file or -",
		Long: "Send publishes events through the daemon. Status 0 means that all of them are stored\n" +
			"and can not be lost.",
		Example: "  ripcord send --type payment --target fraud-scorer --version v42 outcome=declined amount=12.5\n" +
			"  ripcord send events.jsonl",
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		body, err := e.sendBody(typ, target, version, args)
		if err != nil {
			return err
		}
		return e.post(c, body)
	}
	c.Flags().StringVar(&typ, "type", "", "the event's type")
	c.Flags().StringVar(&target, "target", "", "the target it is about")
	c.Flags().StringVar(&version, "version", "", "the version that produced it")
	return c
}

// sendBody is one event made of flags and name=value pairs, or a file's lines.
func (e *env) sendBody(typ, target, version string, args []string) ([]byte, error) {
	if typ == "" && target == "" {
		if len(args) != 1 {
			return nil, misused("name a file (or - for standard input), or --type and --target")
		}
		return e.readAll(args[0])
	}
	if typ == "" || target == "" {
		return nil, misused("an event needs both --type and --target")
	}
	data := make(map[string]any)
	for _, pair := range args {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, misused("%q: fields are name=value", pair)
		}
		var v any
		if json.Unmarshal([]byte(value), &v) != nil {
			v = value // text without quotes
		}
		data[name] = v
	}
	event := map[string]any{"type": typ, "target": target, "data": data}
	if version != "" {
		event["version"] = version
	}
	return json.Marshal(event)
}

func (e *env) readAll(path string) ([]byte, error) {
	in := e.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the events: %w", err)
		}
		defer f.Close()
		in = f
	}
	body, err := io.ReadAll(io.LimitReader(in, maxSend+1))
	if err != nil {
		return nil, fmt.Errorf("read the events: %w", err)
	}
	if len(body) > maxSend {
		return nil, fmt.Errorf("the events are more than %d MiB: send them in parts", maxSend>>20)
	}
	return body, nil
}

// post sends the events and says what became of each.
func (e *env) post(c *cobra.Command, body []byte) error {
	req, err := http.NewRequestWithContext(c.Context(), http.MethodPost, strings.TrimRight(e.url, "/")+"/api/v1/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("User-Agent", agent)
	if e.token != "" {
		req.Header.Set("Authorization", "Bearer "+e.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return e.reached(fmt.Errorf("ask the daemon: %w", err))
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxSend))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		var p client.Problem
		if json.Unmarshal(raw, &p) == nil && p.Status != 0 {
			return &p
		}
		return fmt.Errorf("%s answers %s, which is no answer of the daemon", e.url, resp.Status)
	}
	return e.accepted(raw)
}

func (e *env) accepted(raw []byte) error {
	var a struct {
		Accepted []string `json:"accepted"`
		Rejected []struct {
			Index  int    `json:"index"`
			Reason string `json:"reason"`
		} `json:"rejected"`
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if e.output != "table" {
		if err := e.json(json.RawMessage(raw)); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(e.out, "stored: %d\n", len(a.Accepted))
	}
	for _, r := range a.Rejected {
		fmt.Fprintf(e.err, "ripcord: event %d: %s\n", r.Index+1, safe(r.Reason))
	}
	if len(a.Rejected) > 0 {
		return errSilent
	}
	return nil
}
