package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
)

func (e *env) targets() *cobra.Command {
	return &cobra.Command{
		Use: "targets [TARGET]", Short: "List targets, or show one with its ledger and rules", Args: arguments(0, 1),
		Example: "  ripcord targets\n  ripcord targets fraud-scorer",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return e.target(c, args[0])
			}
			page, err := e.client().Targets(c.Context(), client.Query{Limit: 500})
			if err != nil {
				return e.reached(err)
			}
			g := columns("~target", "~version", "since", "mode", "~incident", "state")
			for _, target := range page.Items {
				id, state := "", ""
				if target.Incident != nil {
					id, state = target.Incident.ID, string(target.Incident.State)
				}
				if target.Freeze != nil {
					state = "frozen"
				}
				g.row(target.Name, target.Version, ago(target.Since), target.Mode, id, state)
			}
			return e.result(page, g)
		},
	}
}

func (e *env) target(c *cobra.Command, name string) error {
	api := e.client()
	target, err := api.Target(c.Context(), name)
	if err != nil {
		return e.reached(err)
	}
	said, err := api.Rules(c.Context(), client.Query{Target: name, Limit: 500})
	if err != nil {
		return e.reached(err)
	}
	if e.output != "table" {
		return e.json(map[string]any{"target": target, "rules": said.Items})
	}
	now := time.Now()
	fmt.Fprintf(e.out, "%s serves %s since %s, mode %s\n", safe(target.Name), dash(target.Version), clock(target.Since, now), target.Mode)
	e.field("approvers", fmt.Sprintf("%s, quorum %d", dash(strings.Join(target.Approvers, " ")), target.Quorum))
	for _, stage := range target.Stages {
		e.field("stage", stage.Name+": "+strings.Join(stage.Steps, ", "))
	}
	if i := target.Incident; i != nil {
		e.field("incident", fmt.Sprintf("%s is %s", i.ID, i.State))
	}
	if f := target.Freeze; f != nil {
		until := "somebody unfreezes"
		if !f.Until.IsZero() {
			until = clock(f.Until, now)
		}
		e.field("frozen", fmt.Sprintf("by %s until %s: %s", f.By, until, f.Reason))
	}
	fmt.Fprintln(e.out, "\nledger")
	for _, r := range target.Ledger {
		note := ""
		switch {
		case r.Quarantined != "":
			note = "quarantined: " + r.Quarantined
		case r.Rollback != "":
			note = "put back by " + r.Rollback
		case r.Assumed:
			note = "found by looking"
		}
		until := "now"
		if !r.Until.IsZero() {
			until = clock(r.Until, now)
		}
		e.say(fmt.Sprintf("  %-14s %s – %s  ", cut(r.Version, 14), clock(r.Since, now), until), note)
	}
	fmt.Fprintln(e.out, "\nrules")
	for _, r := range said.Items {
		e.say(fmt.Sprintf("  %-22s %-8s %-12s ", cut(r.Rule, 22), r.Mode, r.State), r.Reason)
	}
	return nil
}

func (e *env) release() *cobra.Command {
	var r client.NewRelease
	c := &cobra.Command{
		Use: "release TARGET VERSION", Short: "Announce that a version went live", Args: arguments(2, 2),
		Example: "  ripcord release fraud-scorer v42 --previous v41 --commit $(git rev-parse HEAD)",
		RunE: func(c *cobra.Command, args []string) error {
			r.Version = args[1]
			announced, err := e.client().Release(c.Context(), args[0], r)
			if err != nil {
				return e.reached(err)
			}
			if e.output != "table" {
				return e.json(announced)
			}
			fmt.Fprintf(e.out, "announced: %s serves %s\n", safe(args[0]), safe(args[1]))
			return nil
		},
	}
	c.Flags().StringVar(&r.Previous, "previous", "", "the version to compare with and go back to; default: the one before it")
	c.Flags().StringVar(&r.Commit, "commit", "", "the commit it was built from")
	return c
}

func (e *env) rollback() *cobra.Command {
	var body client.Rollback
	c := &cobra.Command{
		Use: "rollback TARGET", Short: "Take the live version back now", Args: arguments(1, 1),
		Long: "Rollback takes the live version of a target back to the last one that is known to be good,\n" +
			"or to the one that --to names. It is planned, recorded and verified like any other.",
		Example: "  ripcord rollback fraud-scorer --reason 'customers can not pay'",
		RunE: func(c *cobra.Command, args []string) error {
			if body.Reason == "" {
				return misused("--reason is needed: it is what the journal and the channel will show")
			}
			i, err := e.client().Rollback(c.Context(), args[0], body)
			if err != nil {
				return e.reached(err)
			}
			if e.output != "table" {
				return e.json(i)
			}
			fmt.Fprintf(e.out, "%s: %s %s → %s is %s\n  follow it with: ripcord show %s\n", safe(i.ID), safe(i.Target), safe(i.Version), dash(i.To), i.State, safe(i.ID))
			return nil
		},
	}
	c.Flags().StringVar(&body.To, "to", "", "the version to go to; default: the last known good one")
	c.Flags().StringVar(&body.Reason, "reason", "", "why")
	return c
}

func (e *env) freeze() *cobra.Command {
	var reason, length string
	c := &cobra.Command{
		Use: "freeze [TARGET]", Short: "Hold rollbacks back: of one target, or of all", Args: arguments(0, 1),
		Example: "  ripcord freeze --for 1h --reason 'database migration'\n  ripcord freeze fraud-scorer --reason 'looking into it'",
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return misused("--reason is needed")
			}
			hold := client.Hold{Reason: reason}
			if length != "" {
				d, err := model.ParseDuration(length)
				if err != nil || d <= 0 {
					return misused("--for %s: want a duration such as 30m, 1h or 1d", length)
				}
				hold.For = length
			}
			target := strings.Join(args, "")
			if err := e.client().Freeze(c.Context(), target, hold); err != nil {
				return e.reached(err)
			}
			if e.output != "table" {
				return e.json(map[string]any{"frozen": true, "target": target, "reason": reason, "for": length})
			}
			fmt.Fprintf(e.out, "frozen: %s, %s\n", orDefault(safe(target), "the whole fleet"), lasting(length))
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why")
	c.Flags().StringVar(&length, "for", "", "how long; default: until somebody unfreezes")
	return c
}

func lasting(length string) string {
	if length == "" {
		return "until somebody unfreezes"
	}
	return "for " + length
}

func (e *env) unfreeze() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "unfreeze [TARGET]", Short: "Let rollbacks go on", Args: arguments(0, 1),
		Example: "  ripcord unfreeze\n  ripcord unfreeze fraud-scorer --reason 'migration is over'",
		RunE: func(c *cobra.Command, args []string) error {
			target := strings.Join(args, "")
			if err := e.client().Unfreeze(c.Context(), target, orDefault(reason, "no reason given")); err != nil {
				return e.reached(err)
			}
			if e.output != "table" {
				return e.json(map[string]any{"frozen": false, "target": target})
			}
			fmt.Fprintf(e.out, "unfrozen: %s\n", orDefault(safe(target), "the whole fleet"))
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why")
	return c
}
