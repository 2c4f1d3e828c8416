package app

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/ripcord-dev/ripcord/internal/config"
	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/rules"
)

// loadRules reads and compiles every rule file of the configuration. The set is
// nil when a problem is an error.
func loadRules(cfg *config.Config) (*rules.Set, diag.Problems) {
	var sources []rules.Source
	var problems diag.Problems
	for _, rs := range cfg.RuleSources {
		source := rules.Source{Team: rs.Team, Targets: rs.Targets, MaxMode: rs.MaxMode}
		paths, err := filepath.Glob(rs.Path)
		if err != nil || len(paths) == 0 {
			problems = append(problems, diag.Problem{
				File: cfg.File, Severity: diag.Warning, Message: fmt.Sprintf("the rule source %s matches no file", rs.Path),
				Hint: "rule files end in .rules.yml; relative paths are meant from the directory of " + filepath.Base(cfg.File),
			})
		}
		sort.Strings(paths)
		for _, path := range paths {
			file, err := ReadRuleFile(path)
			if err != nil {
				problems = append(problems, diag.Problem{File: path, Severity: diag.Error, Message: err.Error()})
				continue
			}
			source.Files = append(source.Files, file)
		}
		sources = append(sources, source)
	}
	set, found := rules.Load(sources, rules.Options{Targets: cfg.TargetNames()})
	problems = append(problems, found...)
	if problems.Err() != nil {
		return nil, problems
	}
	return set, problems
}

// maxRuleFile is a little more than rules.Load takes, so that it can say so.
const maxRuleFile = 1 << 20

// ReadRuleFile reads one rule file and finds the commit of the checkout that it
// stands in.
func ReadRuleFile(path string) (rules.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return rules.File{}, fmt.Errorf("read rule file: %w", err)
	}
	if info.Size() > maxRuleFile {
		return rules.File{}, fmt.Errorf("read rule file: %d bytes are too many for one", info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return rules.File{}, fmt.Errorf("read rule file: %w", err)
	}
	return rules.File{Path: path, Data: data, Commit: commitOf(filepath.Dir(path))}, nil
}

// commitOf is the commit that the git checkout around dir stands at, shortened;
// empty when there is none. It reads the files themselves, since an image for
// running has no git.
func commitOf(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for ; ; dir = filepath.Dir(dir) {
		head, err := os.ReadFile(filepath.Join(dir, ".git", "HEAD"))
		if err == nil {
			return short(resolveHead(filepath.Join(dir, ".git"), strings.TrimSpace(string(head))))
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

func resolveHead(git, head string) string {
	ref, symbolic := strings.CutPrefix(head, "ref: ")
	if !symbolic {
		return head
	}
	if raw, err := os.ReadFile(filepath.Join(git, filepath.FromSlash(ref))); err == nil {
		return strings.TrimSpace(string(raw))
	}
	packed, err := os.ReadFile(filepath.Join(git, "packed-refs"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(packed)) {
		if hash, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == ref {
			return hash
		}
	}
	return ""
}

func short(commit string) string { return commit[:min(len(commit), 12)] }
