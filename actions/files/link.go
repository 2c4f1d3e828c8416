// Package files moves a service between release directories by one symlink: the
// kind files/link. It needs nothing but a file system, so it is what Ripcord can
// always do.
//
// A release is a directory directly under releases; its base name is its
// revision, and a digest of its content tells apart two releases of one name.
// The link is never written in place: a new symlink is made beside it and renamed
// over it. Writers serialise on a lock on the mark, a small file beside the link
// that also remembers for which step the service has been told to reload; a crash
// between the rename and the reload is therefore seen, and only the reload is
// repeated.
package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ripcord-dev/ripcord/actions"
)

// Kind is the kind's name in ripcord.yml.
const Kind = "files/link"

// usual is how long a switch with its reload takes.
const usual = time.Second

// Link is one configured symlink. It is safe for concurrent use.
type Link struct {
	path     string // of the link
	releases releases
	reload   reloader // nil: nobody has to be told
	served   *served  // nil: the link is believed
}

var (
	_ actions.Action  = (*Link)(nil)
	_ actions.Driller = (*Link)(nil)
)

// Look sees the release that the link points at, and the releases that are older
// than it, newest first. A release that was made after the link was switched is
// not in the list: it was never live, and nobody rolls back to it.
func (l *Link) Look(ctx context.Context) (actions.Sight, error) {
	at, err := l.see()
	if err != nil {
		return actions.Sight{}, err
	}
	if at.why != "" {
		return actions.Sight{}, actions.Errorf(actions.Permanent, "look at %s: %s", l.path, at.why)
	}
	live, err := l.releases.seen(ctx, at.rev)
	if err != nil {
		return actions.Sight{}, err
	}
	live.Since = at.since
	earlier, err := l.releases.before(ctx, at)
	return actions.Sight{Live: live, Earlier: earlier}, err
}

// Plan finds the directory of the version and says how the link gets there.
func (l *Link) Plan(ctx context.Context, req actions.Request) (actions.Step, error) {
	at, err := l.see()
	if err != nil {
		return actions.Step{}, err
	}
	if at.why != "" {
		return actions.Step{}, actions.Errorf(actions.Permanent, "plan a switch of %s: %s", l.path, at.why)
	}
	to, note, err := l.releases.find(ctx, req)
	if err != nil {
		return actions.Step{}, err
	}
	from, err := l.releases.revision(ctx, at.rev)
	if err != nil {
		return actions.Step{}, err
	}
	step := actions.Step{
		ID: req.StepID, Kind: Kind, Place: l.path, From: from, To: to,
		Class: actions.ClassA, ETA: usual, Text: l.text(from, to),
	}
	if note != "" {
		step.Pre = []string{note}
	}
	return step, nil
}

func (l *Link) text(from, to actions.Revision) string {
	if from.Rev == to.Rev {
		return fmt.Sprintf("%s is at %s already", l.path, to.Rev)
	}
	text := fmt.Sprintf("switch %s from %s to %s", l.path, from.Rev, to.Rev)
	if l.reload != nil {
		text += ", then " + l.reload.String()
	}
	return text
}

// Drill proves that the version is there, that the link may be replaced and that
// whoever has to reload can be reached.
func (l *Link) Drill(ctx context.Context, req actions.Request) (actions.Report, error) {
	step, err := l.Plan(ctx, req)
	if err == nil {
		err = l.writable()
	}
	if err == nil && l.reload != nil {
		err = l.reload.ready()
	}
	if err != nil && ctx.Err() == nil {
		return actions.Report{Text: err.Error()}, nil
	}
	return actions.Report{Ready: err == nil, Text: step.Text}, err
}

func (l *Link) writable() error {
	dir := filepath.Dir(l.path)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return coded(fmt.Errorf("replace a link in %s: %w", dir, err))
	}
	return nil
}

// spot is where the link points at one moment.
type spot struct {
	target string // the link's text
	rev    string // the release's base name
	why    string // why it is no release; then rev is what was seen instead
	since  time.Time
	ino    uint64
}

// see reads the link. Only a place that cannot be read is an error; a link that
// is none, or leads elsewhere, is a spot with a reason.
func (l *Link) see() (spot, error) {
	info, err := os.Lstat(l.path)
	switch {
	case os.IsNotExist(err):
		return spot{why: "there is no such link"}, nil
	case err != nil:
		return spot{}, coded(err)
	case info.Mode()&os.ModeSymlink == 0:
		return spot{why: "it is not a symlink: make it one to a directory in " + l.releases.dir}, nil
	}
	target, err := os.Readlink(l.path)
	if err != nil {
		return spot{}, coded(err)
	}
	at := spot{target: target, rev: filepath.Base(target), since: info.ModTime().UTC(), ino: inode(info)}
	inside, err := l.inside(target)
	if err != nil {
		return spot{}, err
	}
	if !inside {
		at.rev, at.why = target, fmt.Sprintf("it points at %s, which is not directly in %s", target, l.releases.dir)
	}
	return at, nil
}

// inside tells whether the link's text names a direct child of releases. The
// child itself need not exist: a dangling link is a release that is gone.
func (l *Link) inside(target string) (bool, error) {
	if checkName(filepath.Base(target)) != nil {
		return false, nil
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(l.path), target)
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(target))
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, coded(err)
	}
	home, err := filepath.EvalSymlinks(l.releases.dir)
	if err != nil {
		return false, coded(err)
	}
	return parent == home, nil
}
