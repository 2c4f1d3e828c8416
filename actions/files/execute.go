package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/crashpoint"
)

// Execute compares and sets the link under the lock on the mark, then has the
// service reload. Where the link is at To already, only a reload that nobody has
// confirmed is made. Against writers that know no lock, the link is compared once
// more right before the rename.
func (l *Link) Execute(ctx context.Context, s actions.Step, a actions.Attempt) error {
	if err := errors.Join(checkName(s.From.Rev), checkName(s.To.Rev)); err != nil {
		return coded(err)
	}
	m, err := lockMark(ctx, l.markPath())
	if err != nil {
		return err
	}
	defer m.close()
	if err := m.admit(a); err != nil {
		return err
	}
	at, err := l.see()
	switch {
	case err != nil:
		return err
	case at.why == "" && at.rev == s.To.Rev:
		return l.settle(ctx, s, a, m, at)
	case at.why == "" && at.rev == s.From.Rev:
		return l.move(ctx, s, a, m, at)
	}
	return drift(l.path, s, at)
}

func drift(path string, s actions.Step, at spot) error {
	saw := "it is at " + at.rev
	if at.why != "" {
		saw = at.why
	}
	return actions.Errorf(actions.Drift, "%s was to go from %s to %s, but %s: nothing was changed", path, s.From.Rev, s.To.Rev, saw)
}

// move switches the link and tells the service.
func (l *Link) move(ctx context.Context, s actions.Step, a actions.Attempt, m *markFile, at spot) error {
	if err := l.releases.exists(s.To.Rev, s.To.Rev); err != nil {
		return err
	}
	if err := l.unchanged(ctx, s.To); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return actions.Errorf(actions.Retry, "switch %s: %w: nothing was changed", l.path, err)
	}
	if err := m.write(mark{Key: a.Key, Incident: a.Incident, Token: a.Token, To: s.To.Rev}); err != nil {
		return err
	}
	if err := l.point(s, at); err != nil {
		return err
	}
	crashpoint.Hit("exec.after_request_sent")
	return l.tell(ctx, s, a, m)
}

// settle is Execute at To: it makes sure that the service was told. Content that
// changed since the plan is drift, unless we are the ones who moved here.
func (l *Link) settle(ctx context.Context, s actions.Step, a actions.Attempt, m *markFile, at spot) error {
	told := m.speaksOf(at)
	if !told {
		if err := l.unchanged(ctx, s.To); err != nil {
			return err
		}
	}
	if told || l.reload == nil {
		return nil
	}
	return l.tell(ctx, s, a, m)
}

// unchanged compares the release with the content that was planned.
func (l *Link) unchanged(ctx context.Context, to actions.Revision) error {
	now, err := l.releases.revision(ctx, to.Rev)
	if err != nil {
		return err
	}
	if to.Digest != "" && now.Digest != to.Digest {
		return actions.Errorf(actions.Drift, "release %s was changed since the plan: its content is %q, %s was planned",
			to.Rev, actions.Short(now.Digest), actions.Short(to.Digest))
	}
	return nil
}

// point makes the new symlink beside the old one and renames it over it. The link
// stays relative or absolute, as it was.
func (l *Link) point(s actions.Step, at spot) error {
	next := l.beside(".new")
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return coded(fmt.Errorf("make the new link: %w", err))
	}
	target := filepath.Join(filepath.Dir(at.target), s.To.Rev)
	if err := os.Symlink(target, next); err != nil {
		return coded(fmt.Errorf("make the new link: %w", err))
	}
	now, err := l.see()
	if err == nil && now != at {
		err = drift(l.path, s, now)
	}
	if err == nil {
		err = os.Rename(next, l.path)
	}
	if err != nil {
		return coded(errors.Join(err, os.Remove(next)))
	}
	if err := syncDir(filepath.Dir(l.path)); err != nil {
		return actions.Errorf(actions.Unknown, "%s is at %s, but that may not survive a power loss: %w", l.path, s.To.Rev, err)
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// tell makes the service reload and notes that it was told. Until the note is
// written, the reload counts as not made.
func (l *Link) tell(ctx context.Context, s actions.Step, a actions.Attempt, m *markFile) error {
	if l.reload != nil {
		if err := l.reload.do(ctx); err != nil {
			return &actions.Error{Code: actions.CodeOf(err), Err: fmt.Errorf("%s is at %s, but %w", l.path, s.To.Rev, err)}
		}
	}
	at, err := l.see()
	if err == nil {
		err = m.write(mark{
			Key: a.Key, Incident: a.Incident, Token: a.Token,
			To: s.To.Rev, Told: true, Ino: at.ino, Made: at.since,
		})
	}
	if err != nil {
		return actions.Errorf(actions.Unknown, "%s is at %s, but that could not be noted: %w", l.path, s.To.Rev, err)
	}
	return nil
}

// Verify says AtTo once the link is at To and the service was told or serves it.
// A link at To of which the service was not told is AtFrom while nobody works on
// it: a repeated Execute makes the reload.
func (l *Link) Verify(ctx context.Context, s actions.Step) (actions.Verdict, error) {
	at, err := l.see()
	if err != nil {
		return actions.Verdict{}, err
	}
	if at.why != "" {
		return actions.Verdict{Place: actions.Elsewhere, Seen: actions.Revision{Rev: at.rev}, Text: l.path + ": " + at.why}, nil
	}
	seen, err := l.releases.revision(ctx, at.rev)
	if err != nil {
		return actions.Verdict{}, err
	}
	v := actions.Verdict{Place: actions.Elsewhere, Seen: seen, Text: fmt.Sprintf("%s is at %s", l.path, at.rev)}
	switch at.rev {
	case s.To.Rev:
		return l.arrived(ctx, s, at, v)
	case s.From.Rev:
		v.Place = actions.AtFrom
	}
	return v, nil
}

// arrived completes the verdict of a link that is at To.
func (l *Link) arrived(ctx context.Context, s actions.Step, at spot, v actions.Verdict) (actions.Verdict, error) {
	m, busy, err := peekMark(l.markPath())
	if err != nil {
		return actions.Verdict{}, err
	}
	told := m.speaksOf(at)
	switch {
	case busy:
		v.Place, v.Text = actions.Moving, v.Text+"; a move is going on"
		return v, nil
	case !told && s.To.Digest != "" && v.Seen.Digest != s.To.Digest:
		v.Text += fmt.Sprintf(", whose content is %q; %s was planned", actions.Short(v.Seen.Digest), actions.Short(s.To.Digest))
		return v, nil
	}
	told = told || l.reload == nil || s.From.Rev == s.To.Rev
	return l.serves(ctx, s, v, told)
}

// serves asks the service where it can be asked.
func (l *Link) serves(ctx context.Context, s actions.Step, v actions.Verdict, told bool) (actions.Verdict, error) {
	serving, why := told, "; nobody has confirmed the reload"
	if l.served != nil {
		version, err := l.releases.version(s.To.Rev)
		if err != nil {
			return actions.Verdict{}, err
		}
		serving, why = l.served.is(ctx, version)
	}
	switch {
	case serving:
		v.Place = actions.AtTo
	case told:
		v.Place = actions.Moving
	default:
		v.Place = actions.AtFrom
	}
	v.Text += why
	return v, nil
}

func (l *Link) markPath() string { return l.beside("") }

// beside is a hidden name in the link's own directory.
func (l *Link) beside(suffix string) string {
	return filepath.Join(filepath.Dir(l.path), "."+filepath.Base(l.path)+".ripcord"+suffix)
}
