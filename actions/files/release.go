package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ripcord-dev/ripcord/actions"
)

// Limits of what is listed: how many earlier releases Look digests, how many a
// refusal names, and how much of a version file is read.
const (
	maxEarlier     = 10
	maxNamed       = 12
	maxVersionFile = 1 << 10
)

// releases is the directory whose direct children are the releases.
type releases struct {
	dir         string
	versionFile string // within a release; empty: the version is the base name
	contents    *contents
}

// checkName refuses what is not a plain name of one directory.
func checkName(name string) error {
	if name == "" || name[0] == '.' || strings.ContainsAny(name, "/\\\x00") {
		return actions.Errorf(actions.Permanent, "%q is no name of a release directory", name)
	}
	return nil
}

// entry is one release directory.
type entry struct {
	name string
	made time.Time
}

// list gives the release directories, newest first. Symlinks and hidden names are
// no releases.
func (r releases) list() ([]entry, error) {
	children, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, coded(fmt.Errorf("list releases: %w", err))
	}
	var found []entry
	for _, child := range children {
		if !child.IsDir() || checkName(child.Name()) != nil {
			continue
		}
		info, err := child.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, coded(fmt.Errorf("list releases: %w", err))
		}
		found = append(found, entry{name: child.Name(), made: info.ModTime().UTC()})
	}
	slices.SortFunc(found, func(a, b entry) int {
		if c := b.made.Compare(a.made); c != 0 {
			return c
		}
		return strings.Compare(b.name, a.name)
	})
	return found, nil
}

// before lists what was there before the release at a spot. Where the release
// itself is gone, the link's age is the only measure.
func (r releases) before(ctx context.Context, at spot) ([]actions.Seen, error) {
	all, err := r.list()
	if err != nil {
		return nil, err
	}
	limit := at.since
	for _, e := range all {
		if e.name == at.rev && e.made.Before(limit) {
			limit = e.made
		}
	}
	var earlier []actions.Seen
	for _, e := range all {
		if e.name == at.rev || e.made.After(limit) || len(earlier) == maxEarlier {
			continue
		}
		seen, err := r.seen(ctx, e.name)
		if err != nil {
			return nil, err
		}
		seen.Since = e.made
		earlier = append(earlier, seen)
	}
	return earlier, nil
}

// seen is one release with its version. A release that is gone, or whose version
// file is, stands for its own name.
func (r releases) seen(ctx context.Context, name string) (actions.Seen, error) {
	rev, err := r.revision(ctx, name)
	if err != nil {
		return actions.Seen{}, err
	}
	version, err := r.version(name)
	if err != nil {
		version = name
	}
	return actions.Seen{Version: version, Revision: rev}, nil
}

// revision is a release's name and content. A release that is gone has no digest.
func (r releases) revision(ctx context.Context, name string) (actions.Revision, error) {
	sum, err := r.contents.digest(ctx, r.dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return actions.Revision{Rev: name}, nil
	}
	if err != nil {
		return actions.Revision{}, coded(fmt.Errorf("digest release %s: %w", name, err))
	}
	return actions.Revision{Rev: name, Digest: sum}, nil
}

// version is what a release says that it is.
func (r releases) version(name string) (string, error) {
	if r.versionFile == "" {
		return name, nil
	}
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return "", coded(err)
	}
	defer root.Close()
	file, err := root.Open(name + "/" + r.versionFile)
	if err != nil {
		return "", coded(fmt.Errorf("read version of %s: %w", name, err))
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxVersionFile))
	if err != nil {
		return "", coded(fmt.Errorf("read version of %s: %w", name, err))
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimSpace(line), nil
}

// find resolves the request to one directory, or refuses with what there is. The
// note tells when the content was too much to read.
func (r releases) find(ctx context.Context, req actions.Request) (actions.Revision, string, error) {
	name, err := r.resolve(req)
	if err != nil {
		return actions.Revision{}, "", err
	}
	if err := r.exists(name, req.To); err != nil {
		return actions.Revision{}, "", err
	}
	rev, err := r.revision(ctx, name)
	if err != nil {
		return actions.Revision{}, "", err
	}
	if known := req.ToRev.Digest; known != "" && known != rev.Digest {
		return actions.Revision{}, "", actions.Errorf(actions.Permanent,
			"release %s is not what it was: its content is %s, the ledger knows %s; files that a service writes there belong under ignore",
			name, actions.Short(rev.Digest), actions.Short(known))
	}
	return rev, noteOf(rev), nil
}

// resolve is the name of the directory that holds the version.
func (r releases) resolve(req actions.Request) (string, error) {
	if err := checkName(req.To); err != nil && r.versionFile == "" {
		return "", err
	}
	if known := req.ToRev.Rev; known != "" {
		return known, r.stillHolds(known, req.To)
	}
	if r.versionFile == "" {
		return req.To, nil
	}
	return r.search(req.To)
}

// stillHolds checks that the directory the ledger names holds the version.
func (r releases) stillHolds(name, version string) error {
	if err := checkName(name); err != nil {
		return err
	}
	holds, err := r.version(name)
	if errors.Is(err, fs.ErrNotExist) {
		return r.missing(name, version)
	}
	if err != nil {
		return err
	}
	if holds != version {
		return actions.Errorf(actions.Permanent, "release %s holds version %s, the ledger has it as %s", name, holds, version)
	}
	return nil
}

// search looks for the one directory whose version file names the version.
func (r releases) search(version string) (string, error) {
	all, err := r.list()
	if err != nil {
		return "", err
	}
	var holders []string
	for _, e := range all {
		if v, err := r.version(e.name); err == nil && v == version {
			holders = append(holders, e.name)
		}
	}
	switch len(holders) {
	case 0:
		return "", r.missing("", version)
	case 1:
		return holders[0], nil
	}
	return "", actions.Errorf(actions.Permanent, "version %s is in %d releases (%s): remove all but one",
		version, len(holders), strings.Join(holders, ", "))
}

func (r releases) exists(name, version string) error {
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return coded(fmt.Errorf("open releases: %w", err))
	}
	defer root.Close()
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.missing(name, version)
	case err != nil:
		return coded(fmt.Errorf("look at release %s: %w", name, err))
	case !info.IsDir():
		return actions.Errorf(actions.Permanent, "release %s is no directory: a symlink could lead out of %s", name, r.dir)
	}
	return nil
}

// missing says which versions there are instead.
func (r releases) missing(name, version string) error {
	what := "version " + version
	if name != "" && name != version {
		what += " (release " + name + ")"
	}
	all, err := r.list()
	if err != nil {
		return err
	}
	var there []string
	for _, e := range all[:min(len(all), maxNamed)] {
		v, err := r.version(e.name)
		if err != nil {
			v = e.name + " (no version file)"
		}
		there = append(there, v)
	}
	if len(there) == 0 {
		return actions.Errorf(actions.Permanent, "%s is gone: %s holds no release", what, r.dir)
	}
	return actions.Errorf(actions.Permanent, "%s is gone: %s holds %s", what, r.dir, strings.Join(there, ", "))
}
