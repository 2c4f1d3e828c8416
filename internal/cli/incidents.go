package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/actions"
	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

func (e *env) incidents() *cobra.Command {
	var q client.Query
	var all bool
	c := &cobra.Command{
		Use: "incidents", Short: "List incidents: the open ones, or all", Args: arguments(0, 0),
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
			g := columns("id", "~from", "~to", "state", "~rule", "opened")
			for _, i := range page.Items {
				g.row(i.ID, i.Version, i.To, i.State, i.Rule, ago(i.Opened))
			}
			return e.result(page, g)
		},
	}
	c.Flags().BoolVarP(&all, "all", "a", false, "ended ones too")
	c.Flags().StringVar(&q.Target, "target", "", "of one target only")
	c.Flags().IntVar(&q.Limit, "limit", 50, "how many at most")
	return c
}

func (e *env) show() *cobra.Command {
	return &cobra.Command{
		Use: "show INCIDENT", Short: "Show one incident: why, what, who, when", Args: arguments(1, 1),
		Example: "  ripcord show fraud-scorer-1",
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
	severity := ""
	if i.Severity != "" { // a person who asks for a rollback names none
		severity = "[" + strings.ToUpper(safe(i.Severity)) + "] "
	}
	fmt.Fprintf(e.out, "%s  %s%s %s → %s\n", safe(i.ID), severity, safe(i.Target), safe(i.Version), dash(i.To))
	e.field("state", string(i.State))
	if i.Verdict != "" {
		e.field("verdict", i.Verdict)
	}
	e.field("rule", fmt.Sprintf("%s (mode %s)", dash(i.Rule), i.Mode))
	if i.Ceiling != "" {
		e.field("asks", i.Ceiling)
	}
	for _, d := range i.Decisions {
		e.field("evidence", d.Evidence.Reason)
		if d.Confirmation != "" {
			e.field("", d.Confirmation)
		}
	}
	if i.Plan != nil {
		e.field("plan", fmt.Sprintf("%s, stage %s", actions.Short(i.Plan.Digest), i.Plan.Stage))
		for _, step := range i.Plan.Steps {
			e.field("", step.Text)
		}
	}
	if !i.Deadline.IsZero() && !i.State.Terminal() {
		e.field("until", clock(i.Deadline, now))
	}
	if len(i.Entries) > 0 {
		fmt.Fprintln(e.out, "story")
	}
	for _, entry := range i.Entries {
		e.say(fmt.Sprintf("  %s  %-17s  ", clock(entry.At, now), safe(entry.Kind)), entry.Text)
	}
	if i.State == "awaiting_approval" {
		fmt.Fprintf(e.out, "\nto say yes:  ripcord approve %s\nto say no:   ripcord deny %s --reason TEXT\n", safe(i.ID), safe(i.ID))
	}
}

func (e *env) approve() *cobra.Command {
	var comment, digest string
	c := &cobra.Command{
		Use: "approve INCIDENT", Short: "Say yes to an incident's plan", Args: arguments(1, 1),
		Example: "  ripcord approve fraud-scorer-1\n  ripcord approve fraud-scorer-1 --digest a130d306e82a --comment 'seen the graphs'",
		Long:    "Approve says yes to the plan as it stands now. With --digest, it says yes to\nthat plan only.",
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
		Use: "deny INCIDENT", Short: "Say no to an incident's plan, or veto it", Args: arguments(1, 1),
		Example: "  ripcord deny fraud-scorer-1 --reason 'the block list is meant to be strict today'",
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
