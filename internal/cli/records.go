package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

func (e *env) journal() *cobra.Command {
	c := parent("journal", "Read the journal: verify its chain, or export it")
	verify := &cobra.Command{
		Use: "verify", Short: "Recompute the hash chain of every target", Args: arguments(0, 0),
		Example: "  ripcord journal verify",
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
		Use: "export", Short: "Write every record as a line of JSON", Args: arguments(0, 0),
		Example: "  ripcord journal export > journal.jsonl\n  ripcord journal export --target fraud-scorer --from 120",
		RunE: func(c *cobra.Command, _ []string) error {
			out := bufio.NewWriter(e.out)
			err := e.client().Journal(c.Context(), target, from, func(l client.Line) error {
				raw, err := encode(l, false)
				if err == nil {
					_, err = out.Write(raw)
				}
				return err
			})
			return errors.Join(e.reached(err), out.Flush())
		},
	}
	export.Flags().StringVar(&target, "target", "", "of one target only")
	export.Flags().Uint64Var(&from, "from", 0, "after this revision")
	c.AddCommand(verify, export)
	return c
}

func (e *env) deadletter() *cobra.Command {
	c := parent("deadletter", "Look at what could not be read, and send it again")
	var q client.Query
	list := &cobra.Command{
		Use: "list", Short: "List dead letters, newest first", Args: arguments(0, 0),
		Example: "  ripcord deadletter list",
		RunE: func(c *cobra.Command, _ []string) error {
			page, err := e.client().DeadLetters(c.Context(), q)
			if err != nil {
				return e.reached(err)
			}
			if len(page.Items) == 0 && e.output == "table" {
				fmt.Fprintln(e.out, "no dead letters")
				return nil
			}
			g := columns("seq", "when", "kind", "~reason")
			for _, d := range page.Items {
				g.row(d.Seq, ago(d.At), d.Code, d.Reason)
			}
			return e.result(page, g)
		},
	}
	list.Flags().IntVar(&q.Limit, "limit", 50, "how many at most")
	show := &cobra.Command{
		Use: "show SEQ", Short: "Show one dead letter with its body", Args: arguments(1, 1),
		Example: "  ripcord deadletter show 12",
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
			fmt.Fprintf(e.out, "%d  %s  %s\n", d.Seq, clock(d.At, time.Now()), safe(d.Code))
			e.field("reason", d.Reason)
			e.field("subject", dash(d.Subject))
			e.field("source", dash(d.Source))
			fmt.Fprintf(e.out, "\n%s\n", strings.TrimRight(safeLines(d.Body), "\n"))
			return nil
		},
	}
	requeue := &cobra.Command{
		Use: "requeue SEQ...", Short: "Hand dead letters to the events stream again", Args: arguments(1, 1000),
		Example: "  ripcord deadletter requeue 12 13",
		RunE: func(c *cobra.Command, args []string) error {
			seqs := make([]uint64, len(args))
			for i, arg := range args {
				seq, err := parseSeq(arg)
				if err != nil {
					return err
				}
				seqs[i] = seq
			}
			return e.requeue(c.Context(), seqs)
		},
	}
	c.AddCommand(list, show, requeue)
	return c
}

// requeue hands them back one by one, up to the first that can not be.
func (e *env) requeue(ctx context.Context, seqs []uint64) error {
	for _, seq := range seqs {
		if err := e.client().Requeue(ctx, seq); err != nil {
			return e.reached(err)
		}
		if e.output != "table" {
			if err := e.json(map[string]uint64{"requeued": seq}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(e.out, "requeued: %d\n", seq)
	}
	return nil
}

func parseSeq(arg string) (uint64, error) {
	seq, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return 0, misused("%q is no sequence number: see ripcord deadletter list", arg)
	}
	return seq, nil
}
