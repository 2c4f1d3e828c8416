package files

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"golang.org/x/sys/unix"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/actions/internal/outbound"
)

const defaultTimeout = 10 * time.Second

// litter is what running services leave in their release directory.
func litter() []string { return []string{"__pycache__", "*.pyc", "*.log", "*.pid", "*.sock"} }

type settings struct {
	Link        string       `yaml:"link"`
	Releases    string       `yaml:"releases"`
	VersionFrom versionFrom  `yaml:"version_from"`
	Ignore      []string     `yaml:"ignore"`
	Reload      *reloadBlock `yaml:"reload"`
	Served      *servedBlock `yaml:"served"`
}

type versionFrom struct {
	File string `yaml:"file"`
}

type reloadBlock struct {
	URL     string                   `yaml:"url"`
	HTTP    *config.HTTPClientConfig `yaml:"http"`
	Timeout model.Duration           `yaml:"timeout"`
	PIDFile string                   `yaml:"pid_file"`
	Signal  string                   `yaml:"signal"`
}

type servedBlock struct {
	URL     string                   `yaml:"url"`
	JSON    string                   `yaml:"json"`
	HTTP    *config.HTTPClientConfig `yaml:"http"`
	Timeout model.Duration           `yaml:"timeout"`
}

// New makes the action of one link. It reads no file and dials nobody.
func New(s actions.Settings) (actions.Action, error) {
	var set settings
	if err := s.Decode(&set); err != nil {
		return nil, err
	}
	reload, reloadErr := set.Reload.build(s.Dir())
	served, servedErr := set.Served.build(s.Dir())
	if err := errors.Join(set.check(), reloadErr, servedErr); err != nil {
		return nil, err
	}
	if set.Ignore == nil {
		set.Ignore = litter()
	}
	return &Link{
		path: config.JoinDir(s.Dir(), filepath.Clean(set.Link)),
		releases: releases{
			dir:         config.JoinDir(s.Dir(), filepath.Clean(set.Releases)),
			versionFile: set.VersionFrom.File,
			contents: &contents{
				ignore: set.Ignore, maxFiles: maxFiles, maxBytes: maxBytes, memo: map[string]remembered{},
			},
		},
		reload: reload, served: served,
	}, nil
}

func (s settings) check() error {
	var errs []error
	if s.Link == "" {
		errs = append(errs, errors.New("link is missing: the symlink that the service is started from"))
	}
	if s.Releases == "" {
		errs = append(errs, errors.New("releases is missing: the directory that holds the release directories"))
	}
	if f := s.VersionFrom.File; f != "" && !filepath.IsLocal(f) {
		errs = append(errs, fmt.Errorf("version_from.file %q leads out of the release", f))
	}
	for _, pattern := range s.Ignore {
		if _, err := path.Match(pattern, ""); err != nil {
			errs = append(errs, fmt.Errorf("ignore %q: %w", pattern, err))
		}
	}
	return errors.Join(errs...)
}

func (b *reloadBlock) build(dir string) (reloader, error) {
	switch {
	case b == nil:
		return nil, nil
	case b.URL != "" && b.PIDFile == "" && b.Signal == "":
		client, err := client(b.URL, b.HTTP, dir)
		if err != nil {
			return nil, fmt.Errorf("reload: %w", err)
		}
		return &post{client, b.URL, orDefault(b.Timeout)}, nil
	case b.PIDFile != "" && b.URL == "" && b.HTTP == nil:
		signal, err := signalOf(b.Signal)
		return &hangup{config.JoinDir(dir, b.PIDFile), signal}, err
	}
	return nil, errors.New("reload needs either url, or pid_file with signal")
}

// signalOf knows the signals that services take as a request. KILL and STOP are
// none.
func signalOf(name string) (unix.Signal, error) {
	if name == "" {
		name = "HUP"
	}
	switch s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); s {
	case unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM:
		return s, nil
	default:
		return 0, fmt.Errorf("reload.signal %q: use HUP, USR1, USR2, WINCH, INT, QUIT or TERM", name)
	}
}

func (b *servedBlock) build(dir string) (*served, error) {
	if b == nil {
		return nil, nil
	}
	client, err := client(b.URL, b.HTTP, dir)
	if err != nil {
		return nil, fmt.Errorf("served: %w", err)
	}
	if b.JSON == "" {
		b.JSON = "version"
	}
	return &served{client, b.URL, strings.Split(b.JSON, "."), orDefault(b.Timeout)}, nil
}

// client calls services beside us, so that loopback is its usual place. Redirects
// are not followed, and no connection is kept: a reload must not meet one that
// the restarting service has just closed.
func client(raw string, c *config.HTTPClientConfig, dir string) (*http.Client, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("url is no URL") // the error of url.Parse would print a password
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("url %q must be http:// or https:// with a host and no user", u.Redacted())
	}
	settings, err := outbound.Settings(c, dir)
	if err != nil {
		return nil, err
	}
	return config.NewClientFromConfig(settings, "files_link",
		config.WithKeepAlivesDisabled(), config.WithUserAgent(outbound.UserAgent))
}

func orDefault(d model.Duration) time.Duration {
	if d <= 0 {
		return defaultTimeout
	}
	return time.Duration(d)
}
