package files

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// release makes a small release and gives its parent.
func release(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, name+"/bin/app", "code")
	write(t, dir, name+"/model", "weights")
	if err := os.Symlink("model", filepath.Join(dir, name, "latest")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func newContents() *contents {
	return &contents{ignore: litter(), maxFiles: maxFiles, maxBytes: maxBytes, memo: map[string]remembered{}}
}

func digest(t *testing.T, c *contents, dir, name string) string {
	t.Helper()
	sum, err := c.digest(t.Context(), dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestDigestTellsReleasesApart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, r string)
		same   bool
	}{
		"content":               {change: func(t *testing.T, r string) { t.Helper(); write(t, r, "model", "WEIGHTS") }},
		"a name":                {change: func(_ *testing.T, r string) { os.Rename(r+"/model", r+"/model2") }},
		"one more file":         {change: func(t *testing.T, r string) { t.Helper(); write(t, r, "extra", "") }},
		"one more directory":    {change: func(_ *testing.T, r string) { os.Mkdir(r+"/empty", 0o755) }},
		"a mode":                {change: func(_ *testing.T, r string) { os.Chmod(r+"/bin/app", 0o755) }},
		"where a symlink leads": {change: func(_ *testing.T, r string) { os.Remove(r + "/latest"); os.Symlink("bin", r+"/latest") }},
		"content between files": {change: func(t *testing.T, r string) {
			t.Helper()
			write(t, r, "bin/app", "codew")
			write(t, r, "model", "eights")
		}},
		"only times": {change: func(_ *testing.T, r string) { os.Chtimes(r+"/model", time.Now(), time.Now()) }, same: true},
		"litter": {change: func(t *testing.T, r string) {
			t.Helper()
			write(t, r, "bin/__pycache__/app.x", "x")
			write(t, r, "app.log", "x")
		}, same: true},
		"content, with its times": {change: changeSecretly},
	} {
		t.Run(name, func(t *testing.T) {
			dir, contents := release(t, "v1"), newContents()
			before := digest(t, contents, dir, "v1")
			c.change(t, filepath.Join(dir, "v1"))
			if after := digest(t, contents, dir, "v1"); (after == before) != c.same {
				t.Errorf("before %s, after %s", before, after)
			}
			if after := digest(t, newContents(), dir, "v1"); (after == before) != c.same {
				t.Errorf("before %s, after a restart %s", before, after)
			}
		})
	}
}

// changeSecretly keeps size and modification time.
func changeSecretly(t *testing.T, r string) {
	t.Helper()
	info, err := os.Stat(r + "/model")
	if err != nil {
		t.Fatal(err)
	}
	write(t, r, "model", "WEIGHTS")
	if err := os.Chtimes(r+"/model", info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

func TestDigestIsOfTheContentOnly(t *testing.T) {
	if a, b := digest(t, newContents(), release(t, "v1"), "v1"), digest(t, newContents(), release(t, "other"), "other"); a != b {
		t.Errorf("two copies have digests %s and %s", a, b)
	}
}

func TestDigestOfTooMuchIsOfNamesAndTimes(t *testing.T) {
	for name, limit := range map[string]func(*contents){
		"too many files": func(c *contents) { c.maxFiles = 2 },
		"too many bytes": func(c *contents) { c.maxBytes = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			dir, contents := release(t, "v1"), newContents()
			limit(contents)
			before := digest(t, contents, dir, "v1")
			if !strings.HasPrefix(before, byStat) {
				t.Fatalf("digest is %s", before)
			}
			if again := digest(t, contents, dir, "v1"); again != before {
				t.Errorf("nothing changed, but the digest is %s after %s", again, before)
			}
			later := time.Now().Add(time.Minute)
			if err := os.Chtimes(dir+"/v1/model", later, later); err != nil {
				t.Fatal(err)
			}
			if after := digest(t, contents, dir, "v1"); after == before {
				t.Error("another time has the same digest")
			}
		})
	}
}

func TestDigestStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newContents().digest(ctx, release(t, "v1"), "v1"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkDigestUnchanged(b *testing.B) {
	dir, c := b.TempDir(), newContents()
	for i := range 1000 {
		name := filepath.Join(dir, "v1", "f"+strings.Repeat("x", i%50)+time.Duration(i).String())
		_ = os.MkdirAll(filepath.Dir(name), 0o755)
		_ = os.WriteFile(name, make([]byte, 4096), 0o644)
	}
	for b.Loop() {
		if _, err := c.digest(b.Context(), dir, "v1"); err != nil {
			b.Fatal(err)
		}
	}
}
