package slackstub

import (
	"encoding/json"
	"fmt"
	"unicode/utf16"
)

// Slack's limits, in characters.
const (
	maxText       = 40000
	maxBlocks     = 50
	maxAllBlocks  = 13000 // over all blocks of a message: msg_blocks_too_long
	maxSection    = 3000
	maxField      = 2000
	maxFields     = 10
	maxHeader     = 150
	maxElements   = 25 // of an actions block
	maxContext    = 10
	maxButton     = 75
	maxValue      = 2000
	maxID         = 255
	maxConfirm    = 300
	maxTitle      = 100
	maxDialogWord = 30
)

// block is a Block Kit block, as far as the stand-in knows it.
type block struct {
	Type     string    `json:"type"`
	BlockID  string    `json:"block_id"`
	Text     *text     `json:"text"`
	Fields   []text    `json:"fields"`
	Elements []element `json:"elements"`
}

type text struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji *bool  `json:"emoji"`
}

// element is a button, or a text of a context block.
type element struct {
	Type     string   `json:"type"`
	ActionID string   `json:"action_id"`
	Value    string   `json:"value"`
	Style    string   `json:"style"`
	Confirm  *confirm `json:"confirm"`
	Text     any      `json:"text"` // an object in a button, a string in a text
}

type confirm struct {
	Title   *text `json:"title"`
	Text    *text `json:"text"`
	Confirm *text `json:"confirm"`
	Deny    *text `json:"deny"`
}

// label is the text of a button or of a context element.
func (e element) label() string {
	switch t := e.Text.(type) {
	case string:
		return t
	case map[string]any:
		s, _ := t["text"].(string)
		return s
	}
	return ""
}

// chars counts as Slack's limits do, as far as is known: UTF-16 units.
func chars(s string) int { return len(utf16.Encode([]rune(s))) }

func parseBlocks(raw []byte) ([]block, error) {
	var blocks []block
	if err := json.Unmarshal(raw, &blocks); err != nil {
		return nil, refusal{word: "invalid_blocks_format", messages: []string{err.Error()}}
	}
	return blocks, nil
}

// checkBlocks answers as Slack does to blocks that break its rules.
func checkBlocks(raw string) error {
	blocks, err := parseBlocks([]byte(raw))
	if err != nil {
		return err
	}
	if len(blocks) > maxBlocks {
		return invalid("no more than %d items allowed [json-pointer:/blocks]", maxBlocks)
	}
	total, ids := 0, make(map[string]bool)
	for i, b := range blocks {
		n, err := b.check(fmt.Sprintf("/blocks/%d", i))
		if err != nil {
			return err
		}
		total += n
		if b.BlockID != "" && ids[b.BlockID] {
			return invalid("block_id %q is used twice", b.BlockID)
		}
		ids[b.BlockID] = true
	}
	if total > maxAllBlocks {
		return refusal{word: "msg_blocks_too_long"}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return refusal{word: "invalid_blocks", messages: []string{fmt.Sprintf("[ERROR] "+format, args...)}}
}

// check returns the characters of a block, or what is wrong with it.
func (b block) check(at string) (int, error) {
	if chars(b.BlockID) > maxID {
		return 0, invalid("block_id too long [json-pointer:%s]", at)
	}
	switch b.Type {
	case "header":
		return b.Text.check(at+"/text", maxHeader, "plain_text")
	case "section":
		return b.checkSection(at)
	case "context":
		return b.checkContext(at)
	case "actions":
		return b.checkActions(at)
	case "divider":
		return 0, nil
	}
	return 0, invalid("unsupported type: %s [json-pointer:%s/type]", b.Type, at)
}

func (b block) checkSection(at string) (total int, err error) {
	if b.Text == nil && len(b.Fields) == 0 {
		return 0, invalid("missing required field: text or fields [json-pointer:%s]", at)
	}
	if len(b.Fields) > maxFields {
		return 0, invalid("no more than %d items allowed [json-pointer:%s/fields]", maxFields, at)
	}
	if b.Text != nil {
		if total, err = b.Text.check(at+"/text", maxSection, "plain_text", "mrkdwn"); err != nil {
			return 0, err
		}
	}
	for i := range b.Fields {
		n, err := b.Fields[i].check(fmt.Sprintf("%s/fields/%d", at, i), maxField, "plain_text", "mrkdwn")
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (b block) checkContext(at string) (total int, err error) {
	if len(b.Elements) == 0 || len(b.Elements) > maxContext {
		return 0, invalid("between 1 and %d items allowed [json-pointer:%s/elements]", maxContext, at)
	}
	for i, e := range b.Elements {
		t := &text{Type: e.Type, Text: e.label()}
		n, err := t.check(fmt.Sprintf("%s/elements/%d", at, i), maxSection, "plain_text", "mrkdwn")
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (b block) checkActions(at string) (total int, err error) {
	if len(b.Elements) == 0 || len(b.Elements) > maxElements {
		return 0, invalid("between 1 and %d items allowed [json-pointer:%s/elements]", maxElements, at)
	}
	ids := make(map[string]bool)
	for i, e := range b.Elements {
		here := fmt.Sprintf("%s/elements/%d", at, i)
		if e.Type != "button" {
			return 0, invalid("unsupported type: %s [json-pointer:%s]", e.Type, here)
		}
		if ids[e.ActionID] {
			return 0, invalid("action_id %q is used twice [json-pointer:%s]", e.ActionID, here)
		}
		ids[e.ActionID] = true
		n, err := e.checkButton(here)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (e element) checkButton(at string) (int, error) {
	if chars(e.ActionID) > maxID || chars(e.Value) > maxValue {
		return 0, invalid("action_id or value too long [json-pointer:%s]", at)
	}
	if e.Style != "" && e.Style != "primary" && e.Style != "danger" {
		return 0, invalid("unknown style %q [json-pointer:%s]", e.Style, at)
	}
	label := &text{Type: "plain_text", Text: e.label()}
	if c := e.Confirm; c != nil {
		for _, part := range []struct {
			t     *text
			limit int
			types []string
		}{
			{c.Title, maxTitle, []string{"plain_text"}},
			{c.Text, maxConfirm, []string{"plain_text", "mrkdwn"}},
			{c.Confirm, maxDialogWord, []string{"plain_text"}},
			{c.Deny, maxDialogWord, []string{"plain_text"}},
		} {
			if _, err := part.t.check(at+"/confirm", part.limit, part.types...); err != nil {
				return 0, err
			}
		}
	}
	return label.check(at+"/text", maxButton, "plain_text")
}

func (t *text) check(at string, limit int, types ...string) (int, error) {
	if t == nil || t.Text == "" {
		return 0, invalid("must be more than 0 characters [json-pointer:%s]", at)
	}
	if chars(t.Text) > limit {
		return 0, invalid("must be less than %d characters [json-pointer:%s]", limit+1, at)
	}
	for _, typ := range types {
		if t.Type == typ {
			if t.Type == "mrkdwn" && t.Emoji != nil {
				return 0, invalid("additional property: emoji [json-pointer:%s]", at)
			}
			return chars(t.Text), nil
		}
	}
	return 0, invalid("unsupported type: %s [json-pointer:%s]", t.Type, at)
}

// checkMetadata wants an event type and a payload that is an object of plain
// values.
func checkMetadata(raw string) error {
	var m struct {
		EventType string         `json:"event_type"`
		Payload   map[string]any `json:"event_payload"`
	}
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		return refusal{word: "invalid_metadata_format"}
	}
	if m.EventType == "" || m.Payload == nil {
		return refusal{word: "invalid_metadata_schema"}
	}
	if len(raw) > 8000 {
		return refusal{word: "metadata_too_large"}
	}
	return nil
}
