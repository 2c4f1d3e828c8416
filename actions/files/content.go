package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/ripcord-dev/ripcord/actions"
)

// A release with more than this is told apart by names, sizes and times, so that
// a plan is made in seconds also for very large models.
const (
	maxFiles = 10_000
	maxBytes = 1 << 30
)

// prefixes of the two forms of a digest.
const (
	byContent = "sha256:"
	byStat    = "stat:"
)

// noteOf tells people when a digest does not cover the content.
func noteOf(rev actions.Revision) string {
	if !strings.HasPrefix(rev.Digest, byStat) {
		return ""
	}
	return "release " + rev.Rev + " is too large to read: its names, sizes and times are compared, not its content"
}

// contents digests release directories. It remembers each directory's last digest
// with the stat of everything in it, so that a look at unchanged gigabytes reads
// no file.
type contents struct {
	ignore   []string // patterns of base names that are no part of a release
	maxFiles int
	maxBytes int64

	mu   sync.Mutex
	memo map[string]remembered
}

type remembered struct{ stat, digest string }

// digest is the identity of a release: sha256 over the sorted relative names with
// type, permissions, size and content, or where a link leads. Above the limits it
// covers names, sizes and times.
func (c *contents) digest(ctx context.Context, dir, name string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	t, err := c.walk(ctx, root, name)
	if err != nil {
		return "", err
	}
	if len(t.items) > c.maxFiles || t.bytes > c.maxBytes {
		return byStat + t.times(), nil
	}
	stat := t.stat()
	if sum, ok := c.recall(name, stat); ok {
		return sum, nil
	}
	sum, err := t.content(ctx, root)
	if err != nil {
		return "", err
	}
	c.keep(name, stat, byContent+sum)
	return byContent + sum, nil
}

func (c *contents) recall(name, stat string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.memo[name]
	return r.digest, r.digest != "" && r.stat == stat
}

func (c *contents) keep(name, stat, digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memo[name] = remembered{stat, digest}
}

// tree is what a walk found, in lexical order.
type tree struct {
	items []item
	bytes int64
}

type item struct {
	at   string // from the releases directory
	rel  string // from the release
	link string // where a symlink leads
	info fs.FileInfo
}

func (c *contents) walk(ctx context.Context, root *os.Root, name string) (tree, error) {
	var t tree
	err := fs.WalkDir(root.FS(), name, func(at string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || at == name {
			return err
		}
		if c.ignored(d.Name()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return t.add(root, name, at, d)
	})
	return t, err
}

func (c *contents) ignored(base string) bool {
	for _, pattern := range c.ignore {
		if ok, _ := path.Match(pattern, base); ok { // patterns were checked when they were loaded
			return true
		}
	}
	return false
}

func (t *tree) add(root *os.Root, name, at string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	i := item{at: at, rel: strings.TrimPrefix(at, name+"/"), info: info}
	if info.Mode()&fs.ModeSymlink != 0 {
		if i.link, err = root.Readlink(at); err != nil {
			return err
		}
	}
	if info.Mode().IsRegular() {
		t.bytes += info.Size()
	}
	t.items = append(t.items, i)
	return nil
}

// head is the part of an item that both forms have.
func (i item) head() string {
	size := int64(0)
	if i.info.Mode().IsRegular() {
		size = i.info.Size()
	}
	return fmt.Sprintf("%q %s %d %q\n", i.rel, i.info.Mode(), size, i.link)
}

// times is the digest of names, sizes and times.
func (t tree) times() string {
	h := sha256.New()
	for _, i := range t.items {
		mtime := int64(0)
		if i.info.Mode().IsRegular() {
			mtime = i.info.ModTime().UnixNano()
		}
		fmt.Fprintf(h, "%s%d\n", i.head(), mtime)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// stat changes whenever anything in the tree was written, whatever its times say:
// the inode and its change time cannot be set back.
func (t tree) stat() string {
	h := sha256.New()
	for _, i := range t.items {
		fmt.Fprintf(h, "%s%d %d %d\n", i.head(), i.info.ModTime().UnixNano(), inode(i.info), changed(i.info))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (t tree) content(ctx context.Context, root *os.Root) (string, error) {
	h := sha256.New()
	for _, i := range t.items {
		_, _ = io.WriteString(h, i.head())
		if !i.info.Mode().IsRegular() {
			continue
		}
		if err := i.copy(ctx, root, h); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (i item) copy(ctx context.Context, root *os.Root, h hash.Hash) error {
	file, err := root.Open(i.at)
	if err != nil {
		return err
	}
	defer file.Close()
	n, err := io.Copy(h, &reader{ctx, file})
	if err != nil {
		return err
	}
	if n != i.info.Size() {
		return fmt.Errorf("%s changed while it was read", i.at)
	}
	return nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context //nolint:containedctx // lives for one Copy
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
