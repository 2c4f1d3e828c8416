package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/internal/app"
	"github.com/ripcord-dev/ripcord/internal/config"
	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/rules"
)

func (e *env) check() *cobra.Command {
	var configFile string
	c := &cobra.Command{
		Use: "check [FILE...]", Short: "Check rule files, or the daemon's file with all of its rules",
		Long: "Check reports every mistake at once, with its line, a caret under it and what to do.\n" +
			"Without a ripcord.yml any target's name is taken; with --config the rule files are\n" +
			"checked as the daemon reads them.",
		Example: "  ripcord check rules/*.rules.yml\n  ripcord check --config ripcord.yml",
		RunE: func(_ *cobra.Command, args []string) error {
			if (configFile == "") == (len(args) == 0) {
				return misused("name rule files, or --config FILE")
			}
			problems, n := e.checkAll(configFile, args)
			fmt.Fprint(e.err, safeLines(problems.Render()))
			if e.output != "table" {
				if err := e.json(verdictOf(problems, n)); err != nil {
					return err
				}
			} else if problems.Err() == nil {
				fmt.Fprintf(e.out, "ok: %s\n", count(n, "rule"))
			}
			if problems.Err() != nil {
				return errSilent
			}
			return nil
		},
	}
	c.Flags().StringVar(&configFile, "config", "", "the daemon's file, whose rule sources are checked")
	return c
}

// checked is the result of check as JSON.
type checked struct {
	OK       bool      `json:"ok"`
	Rules    int       `json:"rules"`
	Problems []problem `json:"problems"`
}

type problem struct {
	File     string        `json:"file"`
	Line     int           `json:"line,omitempty"`
	Column   int           `json:"column,omitempty"`
	Severity diag.Severity `json:"severity"`
	Message  string        `json:"message"`
	Hint     string        `json:"hint,omitempty"`
}

func verdictOf(problems diag.Problems, n int) checked {
	v := checked{OK: problems.Err() == nil, Rules: n, Problems: []problem{}}
	for _, p := range problems {
		v.Problems = append(v.Problems, problem{p.File, p.Line, p.Column, p.Severity, p.Message, p.Hint})
	}
	return v
}

// checkAll gives all problems and the number of rules.
func (e *env) checkAll(configFile string, paths []string) (diag.Problems, int) {
	if configFile != "" {
		cfg, problems := config.LoadFile(configFile)
		if problems.Err() != nil {
			return problems, 0
		}
		found, n := app.Check(cfg)
		return append(problems, found...), n
	}
	source, problems := readRules(paths)
	set, found := rules.Load([]rules.Source{source}, rules.Options{AnyTarget: true})
	return append(problems, found...), set.Count()
}

// readRules reads rule files that may name any target, in any mode.
func readRules(patterns []string) (rules.Source, diag.Problems) {
	source := rules.Source{MaxMode: rules.Auto}
	var problems diag.Problems
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			paths = []string{pattern}
		}
		for _, path := range paths {
			file, err := app.ReadRuleFile(path)
			if err != nil {
				problems = append(problems, diag.Problem{File: path, Severity: diag.Error, Message: err.Error()})
				continue
			}
			source.Files = append(source.Files, file)
		}
	}
	return source, problems
}
