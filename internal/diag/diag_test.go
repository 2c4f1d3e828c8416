package diag

import "testing"

func TestRenderPutsTheCaretUnderTheFault(t *testing.T) {
	ps := Problems{
		{File: "b.yml", Line: 2, Column: 3, Width: 4, Severity: Error, Message: "unknown key rool", Hint: "did you mean rule?", Source: "\t- rool: x"},
		{File: "a.yml", Severity: Warning, Message: "it does nothing"},
	}
	want := "a.yml: warning: it does nothing\n" +
		"b.yml:2:3: unknown key rool\n" +
		"    2 | \t- rool: x\n" +
		"        \t ^^^^\n" +
		"      = hint: did you mean rule?\n"
	if got := ps.Render(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if ps.Err() == nil || (Problems{{Severity: Warning}}).Err() != nil {
		t.Error("an error refuses, a warning does not")
	}
}

func TestNearestIsWhatWasProbablyMeant(t *testing.T) {
	known := []string{"targets", "web", "notify", "min_samples"}
	for word, want := range map[string]string{
		"tragets": "targets", "Target": "targets", "notfy": "notify", "min_sample": "min_samples", "wbe": "web", "frobnicate": "", "": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) is %q, want %q", word, got, want)
		}
	}
}
