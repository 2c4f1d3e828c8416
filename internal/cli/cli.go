// Package cli is the command line: one file for each command. Results go to
// stdout, everything else to stderr; the exit status is 0 when all is well, 1 when
// something was found or failed, 2 when the command was misused.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/internal/diag"
	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitMisuse = 2
)

// env is what commands work with.
type env struct {
	in       io.Reader
	out, err io.Writer
	url      string
	token    string
	output   string
}

// errSilent ends a command with status 1 whose findings are printed already.
var errSilent = errors.New("")

// misuse is an error of the one who typed.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

func misused(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

// Main runs one command line and gives its exit status.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := &env{in: in, out: out, err: errOut}
	root := e.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	c, err := root.ExecuteContextC(ctx)
	return e.report(c, err)
}

// report prints an error as people read it and gives the exit status.
func (e *env) report(c *cobra.Command, err error) int {
	if err == nil {
		return exitOK
	}
	var problems diag.Problems
	var wrong misuse
	switch {
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.As(err, &problems):
		fmt.Fprint(e.err, safeLines(problems.Render()))
		return exitFailed
	case errors.As(err, &wrong) || strings.HasPrefix(err.Error(), "unknown command"): // the latter: cobra's own commands
		e.complain(err.Error(), orDefault(hintOf(err), c.CommandPath()+" --help explains it"))
		return exitMisuse
	}
	text := err.Error()
	var refused *client.Problem
	if errors.As(err, &refused) {
		text = orDefault(refused.Detail, refused.Title)
	}
	e.complain(text, hintOf(err))
	return exitFailed
}

// complain prints an error and what to do about it. Both may hold others' text.
func (e *env) complain(text, hint string) {
	fmt.Fprintf(e.err, "ripcord: %s\n", safeLines(text))
	if hint != "" {
		fmt.Fprintf(e.err, "  hint: %s\n", safe(hint))
	}
}

// lists are the commands for what the API's hints name by their path.
var lists = strings.NewReplacer(
	"GET /api/v1/targets", "ripcord targets", "GET /api/v1/incidents", "ripcord incidents --all",
	"GET /api/v1/deadletter", "ripcord deadletter list",
)

func hintOf(err error) string {
	var problem *client.Problem
	if errors.As(err, &problem) {
		return lists.Replace(problem.Hint)
	}
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

// arguments accepts least to most of them.
func arguments(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return misuse{hinted{errors.New("an argument is missing"), "the usage is: " + c.UseLine()}}
		case len(args) > most:
			return misuse{hinted{fmt.Errorf("%q is one argument too many", args[most]), "the usage is: " + c.UseLine()}}
		}
		return nil
	}
}

// parent is a command that only has others below it.
func parent(name, short string) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, Args: known, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
}

// known refuses what is left over where a command should be.
func known(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%s has no command %q", c.CommandPath(), args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return misuse{hinted{err, "did you mean " + strings.Join(near, " or ") + "?"}}
	}
	return misuse{hinted{err, c.CommandPath() + " --help lists them"}}
}

func (e *env) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ripcord",
		Short: "Take a bad release back before its users notice",
		Long: "Ripcord reads alerts and business-metric events, judges them by rules that teams keep\n" +
			"as YAML, and rolls a bad release back: by itself, or after one click.",
		SilenceErrors: true, SilenceUsage: true,
		Args: known, SuggestionsMinimumDistance: 2,
		Example: "  ripcord run --config ripcord.yml\n  ripcord incidents\n  ripcord rollback fraud-scorer --reason 'customers can not pay'",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misuse{err} })
	flags := root.PersistentFlags()
	flags.StringVar(&e.url, "url", orDefault(os.Getenv("RIPCORD_URL"), "http://127.0.0.1:9413"), "the daemon's address (RIPCORD_URL)")
	flags.StringVarP(&e.output, "output", "o", "table", "table, json, or jsonl: JSON with one object a line")
	e.token = os.Getenv("RIPCORD_TOKEN")
	root.AddGroup(
		&cobra.Group{ID: "daemon", Title: "The daemon:"},
		&cobra.Group{ID: "rules", Title: "Rules:"},
		&cobra.Group{ID: "people", Title: "For people on call:"},
	)
	group := func(id string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	group("daemon", e.run(), e.demo(), e.journal(), e.deadletter(), e.version())
	group("rules", e.check(), e.backtest(), e.send())
	root.SetCompletionCommandGroupID("daemon")
	root.SetHelpCommandGroupID("daemon")
	group("people", e.targets(), e.release(), e.incidents(), e.show(), e.approve(), e.deny(), e.rollback(), e.freeze(), e.unfreeze())
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if e.output != "table" && e.output != "json" && e.output != "jsonl" {
			return misused("-o %s: want table, json or jsonl", e.output)
		}
		return nil
	}
	return root
}

// agent has the journal say that the command line was used.
const agent = "ripcord-cli/1"

// client speaks to the daemon.
func (e *env) client() *client.Client {
	c := client.New(e.url, e.token)
	c.Agent = agent
	return c
}

// reached adds to an error of the connection what a person can do.
func (e *env) reached(err error) error {
	var problem *client.Problem
	if err == nil || errors.As(err, &problem) || errors.Is(err, context.Canceled) {
		return err
	}
	var net *url.Error
	if errors.As(err, &net) {
		err = fmt.Errorf("no answer from the daemon: %w", net.Err)
	}
	return hinted{err, fmt.Sprintf("is the daemon running at %s? set RIPCORD_URL or --url, and RIPCORD_TOKEN where it has tokens", e.url)}
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// terminal tells whether w is a terminal that wants colour.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && isatty.IsTerminal(f.Fd())
}
