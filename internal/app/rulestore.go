package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/ripcord-dev/ripcord/internal/config"
	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/internal/engine"
	"github.com/ripcord-dev/ripcord/rules"
)

// ruleStore holds the last good set of rules and brings in new ones: everything is
// read and checked first and swapped whole; after an error the last good set
// stays and the daemon says so.
type ruleStore struct {
	cfg *config.Config
	log zerolog.Logger

	good    prometheus.Gauge
	at      prometheus.Gauge
	mu      sync.Mutex
	last    *rules.Set
	problem error // of the last reload; nil when it was good
	worker  *engine.Worker
}

// newRuleStore reads the rules for the first time; problems are an error.
func newRuleStore(cfg *config.Config, log zerolog.Logger, r prometheus.Registerer) (*ruleStore, error) {
	s := &ruleStore{
		cfg: cfg, log: log,
		good: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ripcord_config_last_reload_successful", Help: "1 when the last reading of the rules was good.",
		}),
		at: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ripcord_config_last_reload_success_timestamp_seconds", Help: "When rules were last read without an error.",
		}),
	}
	r.MustRegister(s.good, s.at)
	set, problems := loadRules(cfg)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	s.warn(problems)
	s.adopt(set)
	return s, nil
}

func (s *ruleStore) warn(problems diag.Problems) {
	for _, p := range problems {
		s.log.Warn().Str("hint", p.Hint).Msg(p.Error())
	}
}

func (s *ruleStore) adopt(set *rules.Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.problem = set, nil
	s.good.Set(1)
	s.at.SetToCurrentTime()
	if s.worker != nil {
		s.worker.Swap(set)
	}
}

func (s *ruleStore) set() *rules.Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *ruleStore) use(w *engine.Worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.worker = w
}

// warning is the last reload's problem, or nil.
func (s *ruleStore) warning() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

// Reload reads the rules anew. On an error the last good set stays.
func (s *ruleStore) Reload(context.Context) error {
	set, problems := loadRules(s.cfg)
	if err := problems.Err(); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.problem = fmt.Errorf("the rules were not reloaded, the last good ones stay: %w", err)
		s.good.Set(0)
		s.log.Error().Msg(s.problem.Error())
		return s.problem
	}
	s.warn(problems)
	s.adopt(set)
	s.log.Info().Int("rules", set.Count()).Str("hash", set.Hash).Msg("rules reloaded")
	return nil
}

// settleAfter is how long files must rest before they are read: an editor writes
// more than once.
const settleAfter = 300 * time.Millisecond

// watch reloads on SIGHUP and when a rule file changes. Directories are watched,
// not files: a mounted ConfigMap swaps links.
func (s *ruleStore) watch(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the rule files: %w", err)
	}
	defer watcher.Close()
	for _, dir := range s.directories() {
		if err := watcher.Add(dir); err != nil {
			s.log.Warn().Err(err).Str("dir", dir).Msg("rule files there are read again on SIGHUP only")
		}
	}
	settle := time.NewTimer(time.Hour)
	settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			_ = s.Reload(ctx) // it has said so
		case e := <-watcher.Events:
			if s.mine(e.Name) {
				settle.Reset(settleAfter)
			}
		case err := <-watcher.Errors:
			s.log.Warn().Err(err).Msg("watch the rule files")
		case <-settle.C:
			_ = s.Reload(ctx) // it has said so
		}
	}
}

func (s *ruleStore) directories() []string {
	seen := make(map[string]bool)
	var dirs []string
	for _, rs := range s.cfg.RuleSources {
		matches, err := filepath.Glob(filepath.Dir(rs.Path))
		if err != nil {
			continue
		}
		for _, dir := range matches {
			if !seen[dir] {
				seen[dir] = true
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// mine tells a change that can matter to a rule file: one of that name, or a link
// such as those by which a ConfigMap is swapped.
func (s *ruleStore) mine(name string) bool {
	for _, rs := range s.cfg.RuleSources {
		if ok, err := filepath.Match(rs.Path, name); err == nil && ok {
			return true
		}
	}
	return filepath.Base(name) == "..data"
}

// Check reads the rules of a configuration as the daemon does; it also gives
// their number.
func Check(cfg *config.Config) (diag.Problems, int) {
	set, problems := loadRules(cfg)
	if _, err := buildActions(cfg); err != nil {
		problems = append(problems, diag.Problem{File: cfg.File, Severity: diag.Error, Message: err.Error()})
	}
	return problems, set.Count()
}
