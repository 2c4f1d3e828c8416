package rules

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLoad: no bytes make Load panic or point outside the file, and what it lets
// through can be evaluated.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(story))
	f.Add([]byte("---")) // the missing value stands behind the last line
	f.Add([]byte("groups:\n- name: a\r  target: b\n"))
	files, err := filepath.Glob("testdata/bad/*.rules.yml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds (%v)", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { loadAndEvaluate(t, data) })
}

// FuzzCondition reaches deeper into expressions than whole files do.
func FuzzCondition(f *testing.F) {
	for _, seed := range []string{
		`share(s, a == "x" and n in [1, 2] or not f, "1m") > 0.5`, `seq_share(s, n / m > 1, {margin: 2, mode: "watch", tick: "5s"})`,
		`-count(s, "1m") * 2 < previous(avg(s, sub.x, "5m", {where: b matches "^x"})) / 3`, `firing(s) == ((true)) and "\x00"`, `count(s,,"1m")`,
		"share(s, // c\n a startsWith `x`, \"1m\") != 1e309", `not not not (0 < n <= 5)`, `p99(s, a.b.c[1:2]?.d, {})`,
	} {
		f.Add(seed, uint8(0))
		f.Add(seed, uint8(1))
		f.Add(seed, uint8(2))
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, condition string, style uint8) {
		loadAndEvaluate(t, []byte(eventSignals+"groups:\n- name: g\n  target: t\n  rules:\n  - rule: r\n    trigger: bias\n    if: "+styled(condition, style)+"\n"))
	})
}

// styled writes a text in one of YAML's styles.
func styled(text string, style uint8) string {
	switch style % 4 {
	case 0:
		return strconv.Quote(text)
	case 1:
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	case 2:
		return ">\n      " + strings.ReplaceAll(text, "\n", "\n      ")
	}
	return "|\n      " + strings.ReplaceAll(text, "\n", "\n      ")
}

func loadAndEvaluate(t *testing.T, data []byte) {
	set, problems := Load(source(File{Path: "f", Data: data}), Options{AnyTarget: true})
	lines := strings.Split(string(data), "\n")
	for _, p := range problems {
		if p.Line < 0 || p.Line > len(lines) || p.Width < 0 {
			t.Fatalf("%v points outside the file", p)
		}
		if p.Line > 0 && (p.Column < 1 || p.Column > utf8.RuneCountInString(lines[p.Line-1])+2) {
			t.Fatalf("column %d of %q: %v", p.Column, lines[p.Line-1], p)
		}
	}
	problems.Render()
	if problems.Err() != nil {
		return
	}
	for _, target := range []string{"t", "fraud-scorer"} {
		p := set.program(target)
		if p == nil {
			continue
		}
		for _, s := range p.slots {
			r := &row{columns: rowOf(&program{signals: []*signal{p.signals[s.signal]}}, map[string]any{"n": 1.0, "a": "x"}).columns}
			if s.pred != nil {
				s.pred(r)
			}
			if s.where != nil {
				s.where(r)
			}
			if s.num != nil {
				s.num(r)
			}
		}
		for _, r := range p.rules {
			f := r.frame(make([]Reading, len(p.slots)), make([]Truth, len(p.slots)))
			r.cond.eval(f)
			r.cond.walk(func(l leaf) { _ = l.explain(f) + l.text() })
			for _, v := range r.values {
				v.eval(f)
			}
			r.summarize("t", "v2", "v1", nil)
		}
	}
}
