package slackstub

import (
	"bytes"
	_ "embed"
	"fmt"
	"html"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Text shows a message in a terminal as a person would read it in Slack.
func Text(m Message) string {
	blocks, err := parseBlocks(orEmpty(m.Blocks))
	if err != nil || len(blocks) == 0 {
		return plainText(m.Text) + "\n"
	}
	var b strings.Builder
	for _, bl := range blocks {
		bl.print(&b)
	}
	return b.String()
}

func (b block) print(w *strings.Builder) {
	switch b.Type {
	case "header":
		fmt.Fprintf(w, "%s\n%s\n", plainText(b.Text.Text), strings.Repeat("─", 60))
	case "divider":
		fmt.Fprintln(w, strings.Repeat("─", 60))
	case "context":
		var parts []string
		for _, e := range b.Elements {
			parts = append(parts, plainText(e.label()))
		}
		fmt.Fprintf(w, "  %s\n", strings.Join(parts, " · "))
	case "actions":
		for _, e := range b.Elements {
			fmt.Fprintf(w, "[ %s ] ", plainText(e.label()))
		}
		fmt.Fprintln(w)
	case "section":
		if b.Text != nil {
			fmt.Fprintln(w, plainText(b.Text.Text))
		}
		for _, f := range b.Fields {
			name, value, _ := strings.Cut(plainText(f.Text), "\n")
			fmt.Fprintf(w, "  %-16s %s\n", name, value)
		}
	}
}

var (
	marks = regexp.MustCompile("(?:\\*[^*\n]+\\*)|(?:`[^`\n]+`)|(?:<[^>\n]+>)|\n")
	links = regexp.MustCompile(`^<(https?://[^|>]+)(?:\|([^>]*))?>$`)
)

// plainText takes Slack's marks out of a text.
func plainText(s string) string {
	out := marks.ReplaceAllStringFunc(s, func(m string) string {
		if l := links.FindStringSubmatch(m); l != nil {
			return strings.TrimSpace(l[2] + " " + l[1])
		}
		if m[0] == '*' || m[0] == '`' {
			return m[1 : len(m)-1]
		}
		return m
	})
	return html.UnescapeString(out)
}

// markHTML is a mrkdwn text as HTML. A mention that a real Slack would act on is
// marked, so that nobody can overlook it in a picture.
func markHTML(s string) template.HTML {
	var b strings.Builder
	for s != "" {
		at := marks.FindStringIndex(s)
		if at == nil {
			at = []int{len(s), len(s)}
		}
		b.WriteString(safe(s[:at[0]]))
		b.WriteString(mark(s[at[0]:at[1]]))
		s = s[at[1]:]
	}
	return template.HTML(b.String()) // every part went through safe
}

func mark(m string) string {
	switch {
	case m == "":
		return ""
	case m == "\n":
		return "<br>"
	case m[0] == '*':
		return "<b>" + safe(m[1:len(m)-1]) + "</b>"
	case m[0] == '`':
		return "<code>" + safe(m[1:len(m)-1]) + "</code>"
	}
	if l := links.FindStringSubmatch(m); l != nil {
		label := l[2]
		if label == "" {
			label = l[1]
		}
		return `<a href="` + safe(l[1]) + `">` + safe(label) + `</a>`
	}
	return `<span class="mention">` + safe(m) + `</span>`
}

func safe(s string) string { return html.EscapeString(html.UnescapeString(s)) }

// textHTML is a text object as HTML.
func textHTML(t text) template.HTML {
	if t.Type == "mrkdwn" {
		return markHTML(t.Text)
	}
	return template.HTML(strings.ReplaceAll(safe(t.Text), "\n", "<br>")) // it went through safe
}

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"text":  textHTML,
	"label": func(e element) template.HTML { return textHTML(text{Type: e.Type, Text: e.label()}) },
}).Parse(pageSource))

// shown is a message on the page, with its thread.
type shown struct {
	Message
	Items    []block
	Thread   []shown
	Viewer   bool
	Fallback template.HTML
}

func (s *Server) shown(m Message) shown {
	blocks, _ := parseBlocks(orEmpty(m.Blocks)) // they were checked when they came
	return shown{Message: m, Items: blocks, Viewer: s.opts.Viewer.ID != "", Fallback: markHTML(m.Text)}
}

// RenderHTML shows one message, with its thread, as a page.
func (s *Server) RenderHTML(m Message) (string, error) {
	all := s.Messages()
	return s.render(slices.DeleteFunc(all, func(o Message) bool { return o.TS != m.TS && o.ThreadTS != m.TS }))
}

func (s *Server) render(messages []Message) (string, error) {
	var heads []shown
	at := make(map[string]int)
	for _, m := range messages {
		if i, ok := at[m.ThreadTS]; ok && m.ThreadTS != "" {
			heads[i].Thread = append(heads[i].Thread, s.shown(m))
			continue
		}
		at[m.TS] = len(heads)
		heads = append(heads, s.shown(m))
	}
	var b bytes.Buffer
	if err := page.Execute(&b, heads); err != nil {
		return "", fmt.Errorf("render the channel: %w", err)
	}
	return b.String(), nil
}

func (s *Server) servePage(w http.ResponseWriter, _ *http.Request) {
	messages := s.Messages()
	for _, m := range s.Ephemerals() {
		if m.For == s.opts.Viewer.ID {
			messages = append(messages, m)
		}
	}
	out, err := s.render(messages)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	_, _ = w.Write([]byte(out))
}

// serveClick presses a button for the viewer of the page. Only the page itself
// may ask for it: other pages in the same browser are strangers.
func (s *Server) serveClick(w http.ResponseWriter, r *http.Request) {
	if site := r.Header.Get("Sec-Fetch-Site"); s.opts.Viewer.ID == "" || (site != "same-origin" && site != "") || r.Header.Get("Origin") == "null" {
		http.Error(w, "only the page of this stand-in may click", http.StatusForbidden)
		return
	}
	s.mu.Lock()
	i := s.find(r.PostFormValue("channel"), r.PostFormValue("ts"))
	var m Message
	if i >= 0 {
		m = s.messages[i]
	}
	s.mu.Unlock()
	if err := s.Click(r.Context(), m, r.PostFormValue("action"), s.opts.Viewer); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, "/messages", http.StatusSeeOther)
}
