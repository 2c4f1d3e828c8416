// Package cli is the command line: one file for each command. Results go to
// stdout, everything else to stderr; the exit status is 0 when all is well, 1 when
// something was found or failed, 2 when the command was misused.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	return e.report(root.ExecuteContext(ctx))
}

// report prints an error as people read it and gives the exit status.
func (e *env) report(err error) int {
	if err == nil {
		return exitOK
	}
	var problems diag.Problems
	var wrong misuse
	switch {
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.As(err, &problems):
		fmt.Fprint(e.err, problems.Render())
		return exitFailed
	case errors.As(err, &wrong) || isCobraMisuse(err):
		fmt.Fprintf(e.err, "ripcord: %v\n", err)
		fmt.Fprintln(e.err, "  hint: ripcord --help lists the commands, ripcord COMMAND --help explains one")
		return exitMisuse
	}
	fmt.Fprintf(e.err, "ripcord: %v\n", err)
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(e.err, "  hint: %s\n", hint)
	}
	return exitFailed
}

// isCobraMisuse tells cobra's own complaints, which have no type.
func isCobraMisuse(err error) bool {
	for _, start := range []string{
		"unknown command", "unknown flag", "unknown shorthand", "flag needs an argument", "invalid argument",
		"accepts ", "requires ", "required flag",
	} {
		if strings.HasPrefix(err.Error(), start) {
			return true
		}
	}
	return false
}

func hintOf(err error) string {
	var problem *client.Problem
	if errors.As(err, &problem) {
		return problem.Hint
	}
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

func (e *env) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ripcord",
		Short: "Take a bad release back before its users notice",
		Long: "Ripcord reads alerts and business-metric events, judges them by rules that teams keep\n" +
			"as YAML, and rolls a bad release back: by itself, or after one click.",
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&e.url, "url", orDefault(os.Getenv("RIPCORD_URL"), "http://127.0.0.1:9413"), "the daemon's address (RIPCORD_URL)")
	flags.StringVarP(&e.output, "output", "o", "table", "table or json")
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
	group("daemon", e.run(), e.demo(), e.journal(), e.deadletter())
	group("rules", e.check(), e.backtest(), e.send())
	group("people", e.targets(), e.release(), e.incidents(), e.show(), e.approve(), e.deny(), e.rollback(), e.freeze(), e.unfreeze())
	root.AddCommand(e.version())
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if e.output != "table" && e.output != "json" && e.output != "jsonl" {
			return misused("-o %s: want table or json", e.output)
		}
		return nil
	}
	return root
}

// client speaks to the daemon.
func (e *env) client() *client.Client {
	c := client.New(e.url, e.token)
	c.Agent = "ripcord-cli/1"
	return c
}

// reached adds to an error of the connection what a person can do.
func (e *env) reached(err error) error {
	var problem *client.Problem
	if err == nil || errors.As(err, &problem) || errors.Is(err, context.Canceled) {
		return err
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
