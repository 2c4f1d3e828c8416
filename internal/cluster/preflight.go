package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/minio/highwayhash"
	"github.com/rs/zerolog"
)

// storeDir is where the server keeps its files under the data directory; a
// stream's or consumer's directory has its settings in metaFile and their checksum
// in sumFile, written in this order.
const (
	storeDir = "jetstream"
	metaFile = "meta.inf"
	sumFile  = "meta.sum"
)

// preflight mends or sets aside the streams and consumers whose metadata a crash
// has torn. JetStream ignores such a directory at its start and lets it be created
// again without mending it, so that everything acknowledged from then on is gone
// after the next start.
//
// Without a checksum the directory was being created: it is moved to
// quarantine-<time> under dir, never deleted, and the answer lists the new places.
// With the checksum of other settings a stream was being changed: the settings
// are whole, each file being replaced in one step, and get their checksum.
func preflight(dir string, now time.Time, log zerolog.Logger) ([]string, error) {
	if err := mendSums(dir, log); err != nil {
		return nil, err
	}
	torn, err := tornDirs(dir)
	if err != nil {
		return nil, err
	}
	var moved []string
	quarantine := filepath.Join(dir, "quarantine-"+now.UTC().Format("20060102T150405.000Z"))
	for _, from := range torn {
		to := filepath.Join(quarantine, from)
		if err := moveDir(filepath.Join(dir, storeDir, from), to); err != nil {
			return moved, fmt.Errorf("set %s aside: %w", from, err)
		}
		log.Error().Str("from", from).Str("to", to).Msg("the metadata of a stream or reader was torn by a crash: set aside, look at it before deleting")
		moved = append(moved, to)
	}
	return moved, nil
}

func moveDir(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// tornDirs are the directories of streams and consumers, relative to the store,
// that have metadata and no checksum. One inside another is not listed again.
func tornDirs(dir string) ([]string, error) {
	store := os.DirFS(filepath.Join(dir, storeDir))
	var torn []string
	for _, pattern := range []string{"*/streams/*", "*/streams/*/obs/*"} {
		found, err := fs.Glob(store, pattern)
		if err != nil {
			return nil, fmt.Errorf("look through the store: %w", err)
		}
		for _, d := range found {
			if slices.ContainsFunc(torn, func(outer string) bool { return strings.HasPrefix(d, outer+"/") }) {
				continue
			}
			is, err := isTorn(store, d)
			if err != nil {
				return nil, fmt.Errorf("look through the store: %w", err)
			}
			if is {
				torn = append(torn, d)
			}
		}
	}
	return torn, nil
}

func isTorn(store fs.FS, dir string) (bool, error) {
	if _, err := fs.Stat(store, dir+"/"+metaFile); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	sum, err := fs.ReadFile(store, dir+"/"+sumFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return len(sum) == 0, nil
}

// mendSums writes the checksums of streams that have one of other settings.
func mendSums(dir string, log zerolog.Logger) error {
	store := filepath.Join(dir, storeDir)
	found, err := fs.Glob(os.DirFS(store), "*/streams/*")
	if err != nil {
		return fmt.Errorf("look through the store: %w", err)
	}
	for _, d := range found {
		mended, err := mendSum(filepath.Join(store, d))
		if err != nil {
			return fmt.Errorf("mend the checksum of %s: %w", d, err)
		}
		if mended {
			log.Error().Str("dir", d).Msg("a crash interrupted a change of a stream's settings: its checksum is mended")
		}
	}
	return nil
}

func mendSum(stream string) (bool, error) {
	meta, metaErr := os.ReadFile(filepath.Join(stream, metaFile))
	sum, sumErr := os.ReadFile(filepath.Join(stream, sumFile))
	if metaErr != nil || sumErr != nil || len(sum) == 0 {
		return false, nil // nothing to mend: tornDirs judges it
	}
	var settings struct{ Name string }
	if err := json.Unmarshal(meta, &settings); err != nil || settings.Name != filepath.Base(stream) {
		return false, fmt.Errorf("%s holds no settings of this stream: move the directory away by hand", metaFile)
	}
	right, err := checksum(settings.Name, meta)
	if err != nil || right == string(sum) {
		return false, err
	}
	return true, replaceFile(filepath.Join(stream, sumFile), []byte(right))
}

// replaceFile changes a file in one step: a crash leaves the old or the new one.
func replaceFile(path string, content []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// checksum is the server's: HighwayHash-64 of the settings under SHA-256 of the
// name.
func checksum(name string, meta []byte) (string, error) {
	key := sha256.Sum256([]byte(name))
	hash, err := highwayhash.New64(key[:])
	if err != nil {
		return "", err
	}
	_, _ = hash.Write(meta)
	return hex.EncodeToString(hash.Sum(nil)), nil
}
