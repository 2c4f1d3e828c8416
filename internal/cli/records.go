package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

func (e *env) journal() *cobra.Command {
	c := &cobra.Command{Use: "journal", Short: "Read the journal: verify its chain, or export it"}
	verify := &cobra.Command{
		Use: "verify", Short: "Recompute the hash chain of every target", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := e.client().VerifyJournal(c.Context())
			if err != nil {
				return e.reached(err)
			}
			if e.output != "table" {
				if err := e.json(v); err != nil {
					return err
				}
			} else if v.OK {
				fmt.Fprintf(e.out, "ok: %d records of %d targets, unbroken up to revision %d\n", v.Records, v.Targets, v.Last)
			}
			if v.OK {
				return nil
			}
			fmt.Fprintf(e.err, "ripcord: the chain of %s breaks at revision %d: it says %s, its predecessor has %s\n",
				safe(v.Break.Target), v.Break.Revision, v.Break.Recorded, v.Break.Computed)
			return errSilent
		},
	}
	var target string
	var from uint64
	export := &cobra.Command{
		Use: "export", Short: "Write every record as a line of JSON", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			enc := json.NewEncoder(e.out)
			enc.SetEscapeHTML(false)
			err := e.client().Journal(c.Context(), target, from, func(l client.Line) error { return enc.Encode(l) })
			return e.reached(err)
		},
	}
	export.Flags().StringVar(&target, "target", "", "of one target only")
	export.Flags().Uint64Var(&from, "from", 0, "after this revision")
	c.AddCommand(verify, export)
	return c
}

func (e *env) deadletter() *cobra.Command {
	c := &cobra.Command{Use: "deadletter", Short: "Look at what could not be read, and send it again"}
	var q client.Query
	list := &cobra.Command{
		Use: "list", Short: "List dead letters, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			page, err := e.client().DeadLetters(c.Context(), q)
			if err != nil {
				return e.reached(err)
			}
			if len(page.Items) == 0 && e.output == "table" {
				fmt.Fprintln(e.out, "no dead letters")
				return nil
			}
			return e.result(page, func(t table.Writer) {
				t.AppendHeader(table.Row{"seq", "when", "kind", "reason"})
				for _, d := range page.Items {
					t.AppendRow(table.Row{d.Seq, ago(d.At), d.Code, cut(d.Reason, 80)})
				}
			})
		},
	}
	list.Flags().IntVar(&q.Limit, "limit", 50, "how many at most")
	show := &cobra.Command{
		Use: "show SEQ", Short: "Show one dead letter with its body", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			seq, err := parseSeq(args[0])
			if err != nil {
				return err
			}
			d, err := e.client().DeadLetter(c.Context(), seq)
			if err != nil {
				return e.reached(err)
			}
			if e.output != "table" {
				return e.json(d)
			}
			fmt.Fprintf(e.out, "%d  %s  %s\nreason    %s\nsubject   %s\nsource    %s\n\n%s\n",
				d.Seq, clock(d.At, time.Now()), safe(d.Code), safe(d.Reason), dash(d.Subject), dash(d.Source), safe(d.Body))
			return nil
		},
	}
	requeue := &cobra.Command{
		Use: "requeue SEQ...", Short: "Hand dead letters to the events stream again", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, arg := range args {
				seq, err := parseSeq(arg)
				if err != nil {
					return err
				}
				if err := e.client().Requeue(c.Context(), seq); err != nil {
					return e.reached(err)
				}
				fmt.Fprintf(e.out, "requeued %d\n", seq)
			}
			return nil
		},
	}
	c.AddCommand(list, show, requeue)
	return c
}

func parseSeq(arg string) (uint64, error) {
	seq, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return 0, misused("%q is no sequence number: see ripcord deadletter list", arg)
	}
	return seq, nil
}
