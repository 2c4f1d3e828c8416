package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

func (e *env) incidents() *cobra.Command {
	var q client.Query
	var all bool
	c := &cobra.Command{
		Use: "incidents", Short: "List incidents: the open ones, or all", Args: cobra.NoArgs,
		Example: "  ripcord incidents\n  ripcord incidents --all --target fraud-scorer -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			q.State = "open"
			if all {
				q.State = "all"
			}
			page, err := e.client().Incidents(c.Context(), q)
			if err != nil {
				return e.reached(err)
			}
			if len(page.Items) == 0 && e.output == "table" {
				fmt.Fprintf(e.out, "no %s incidents\n", strings.Replace(q.State, "all", "recorded", 1))
				return nil
			}
			return e.result(page, func(t table.Writer) {
				t.AppendHeader(table.Row{"id", "from", "to", "state", "rule", "opened"})
				for _, i := range page.Items {
					t.AppendRow(table.Row{cut(i.ID, 24), cut(i.Version, 10), cut(dash(i.To), 10), i.State, cut(i.Rule, 22), ago(i.Opened)})
				}
			})
		},
	}
	c.Flags().BoolVarP(&all, "all", "a", false, "ended ones too")
	c.Flags().StringVar(&q.Target, "target", "", "of one target only")
	c.Flags().IntVar(&q.Limit, "limit", 50, "how many at most")
	return c
}

func (e *env) show() *cobra.Command {
	return &cobra.Command{
		Use: "show INCIDENT", Short: "Show one incident: why, what, who, when", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			i, err := e.client().Incident(c.Context(), args[0])
			if err != nil {
				return e.reached(err)
			}
			if e.output != "table" {
				return e.json(i)
			}
			e.printIncident(i, time.Now())
			return nil
		},
	}
}

func (e *env) printIncident(i client.Incident, now time.Time) {
	fmt.Fprintf(e.out, "%s  [%s] %s %s → %s\n", safe(i.ID), strings.ToUpper(safe(i.Severity)), safe(i.Target), safe(i.Version), dash(i.To))
	fmt.Fprintf(e.out, "state     %s\n", i.State)
	if i.Verdict != "" {
		fmt.Fprintf(e.out, "verdict   %s\n", safe(i.Verdict))
	}
	fmt.Fprintf(e.out, "rule      %s (mode %s)\n", dash(i.Rule), i.Mode)
	if i.Ceiling != "" {
		fmt.Fprintf(e.out, "asks      %s\n", safe(i.Ceiling))
	}
	for _, d := range i.Decisions {
		fmt.Fprintf(e.out, "evidence  %s\n", safe(d.Evidence.Reason))
		if d.Confirmation != "" {
			fmt.Fprintf(e.out, "          %s\n", safe(d.Confirmation))
		}
	}
	if i.Plan != nil {
		fmt.Fprintf(e.out, "plan      %s, stage %s\n", actions.Short(i.Plan.Digest), safe(i.Plan.Stage))
		for _, step := range i.Plan.Steps {
			fmt.Fprintf(e.out, "          %s\n", safe(step.Text))
		}
	}
	if !i.Deadline.IsZero() && !i.State.Terminal() {
		fmt.Fprintf(e.out, "until     %s\n", clock(i.Deadline, now))
	}
	if len(i.Entries) > 0 {
		fmt.Fprintln(e.out, "story")
	}
	for _, entry := range i.Entries {
		fmt.Fprintf(e.out, "  %s  %-17s  %s\n", clock(entry.At, now), safe(entry.Kind), safe(entry.Text))
	}
	if i.State == "awaiting_approval" {
		fmt.Fprintf(e.out, "\nto say yes:  ripcord approve %s\nto say no:   ripcord deny %s --reason TEXT\n", safe(i.ID), safe(i.ID))
	}
}

func (e *env) approve() *cobra.Command {
	var comment, digest string
	c := &cobra.Command{
		Use: "approve INCIDENT", Short: "Say yes to an incident's plan", Args: cobra.ExactArgs(1),
		Long: "Approve says yes to the plan as it stands now, which is shown. With --digest it says yes\nto that plan only.",
		RunE: func(c *cobra.Command, args []string) error {
			return e.answer(c.Context(), args[0], digest, comment, "approved", (*client.Client).Approve)
		},
	}
	c.Flags().StringVar(&comment, "comment", "", "for the journal")
	c.Flags().StringVar(&digest, "digest", "", "the plan that was looked at (or its first digits)")
	return c
}

func (e *env) deny() *cobra.Command {
	var reason, digest string
	c := &cobra.Command{
		Use: "deny INCIDENT", Short: "Say no to an incident's plan, or veto it", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return e.answer(c.Context(), args[0], digest, reason, "denied", (*client.Client).Deny)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "for the journal")
	c.Flags().StringVar(&digest, "digest", "", "the plan that was looked at (or its first digits)")
	return c
}

type say func(*client.Client, context.Context, string, client.Answer) (client.Incident, error)

// answer looks at the incident and answers the plan that it saw.
func (e *env) answer(ctx context.Context, id, digest, comment, done string, say say) error {
	api := e.client()
	i, err := api.Incident(ctx, id)
	if err != nil {
		return e.reached(err)
	}
	seen := ""
	if i.Plan != nil {
		seen = i.Plan.Digest
	}
	if digest != "" && !strings.HasPrefix(seen, digest) && !strings.HasPrefix(actions.Short(seen), digest) {
		return hinted{fmt.Errorf("%s has another plan by now: %s", id, dash(actions.Short(seen))), "look again with: ripcord show " + id}
	}
	after, err := say(api, ctx, id, client.Answer{Digest: seen, Revision: i.Revision, Comment: comment})
	if err != nil {
		return e.reached(err)
	}
	if e.output != "table" {
		return e.json(after)
	}
	fmt.Fprintf(e.out, "%s %s: %s %s → %s is %s\n", done, safe(id), safe(after.Target), safe(after.Version), dash(after.To), after.State)
	return nil
}
