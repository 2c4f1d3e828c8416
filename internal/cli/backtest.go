package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/rules"
	"github.com/ripcord-dev/ripcord/rules/ruletest"
	"github.com/ripcord-dev/ripcord/triggers"
	"github.com/ripcord-dev/ripcord/triggers/replay"
)

func (e *env) backtest() *cobra.Command {
	var b backtest
	c := &cobra.Command{
		Use: "backtest", Short: "Tell what rules would have done with recorded events", Args: arguments(0, 0),
		Long: "Backtest feeds events from files (JSON lines of CloudEvents) to the daemon's own engine and\n" +
			"guards. Targets are those of the events; acts succeed and nobody answers questions, so what\n" +
			"follows an act is counterfactual. -o jsonl prints verdicts, decisions and a summary.",
		Example: "  ripcord backtest --rules fraud.rules.yml --events november.jsonl\n" +
			"  ripcord backtest --rules fraud.rules.yml --events november.jsonl -o jsonl",
		RunE: func(c *cobra.Command, _ []string) error { return e.runBacktest(c.Context(), b) },
	}
	c.Flags().StringSliceVar(&b.rules, "rules", nil, "rule files")
	c.Flags().StringSliceVar(&b.events, "events", nil, "event files, read one after the other; - is standard input")
	c.Flags().StringVar(&b.from, "from", "", "leave out events before this time (RFC 3339)")
	c.Flags().StringVar(&b.to, "to", "", "and from this time on")
	return c
}

// backtest is one command line.
type backtest struct {
	rules, events []string
	from, to      string

	after, before time.Time
	clock         replay.Clock
	unread        []replay.Problem
}

func (b *backtest) times() error {
	for _, t := range []struct {
		flag, text string
		into       *time.Time
	}{{"--from", b.from, &b.after}, {"--to", b.to, &b.before}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return misused("%s %s: want a time such as 2026-11-01T00:00:00Z", t.flag, t.text)
		}
		*t.into = at
	}
	return nil
}

func (e *env) runBacktest(ctx context.Context, b backtest) error {
	if len(b.rules) == 0 || len(b.events) == 0 {
		return misused("both --rules and --events are needed")
	}
	if err := b.times(); err != nil {
		return err
	}
	source, problems := readRules(b.rules)
	set, found := rules.Load([]rules.Source{source}, rules.Options{AnyTarget: true})
	problems = append(problems, found...)
	fmt.Fprint(e.err, safeLines(problems.Render()))
	if problems.Err() != nil {
		return errSilent
	}
	began := time.Now()
	out := bufio.NewWriter(e.out)
	p := &printer{env: e, out: out, set: set}
	run := ruletest.New(set, p.line)
	for _, path := range b.events {
		if err := e.replay(ctx, &b, path, run); err != nil {
			return err
		}
	}
	summary, err := run.End()
	if err != nil {
		return err
	}
	summary.WallMS = time.Since(began).Milliseconds()
	return errors.Join(p.end(summary), out.Flush(), e.unread(b.unread))
}

// replay feeds one file.
func (e *env) replay(ctx context.Context, b *backtest, path string, run *ruletest.Backtest) error {
	in := e.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("read the events: %w", err)
		}
		defer f.Close()
		in = f
	}
	problems, err := replay.Read(ctx, in, path, func(ev triggers.Event, _ int) error {
		if ev.Time.Before(b.after) || !b.before.IsZero() && !ev.Time.Before(b.before) {
			return nil
		}
		return run.Feed(b.clock.At(ev), ev)
	})
	b.unread = append(b.unread, problems...)
	return err
}

// unread tells the lines that are no events; they make the command fail.
func (e *env) unread(problems []replay.Problem) error {
	for _, p := range problems {
		fmt.Fprintln(e.err, safe(p.Error()))
	}
	if len(problems) > 0 {
		return errSilent
	}
	return nil
}

// printer prints lines as they come with -o jsonl, and collects them otherwise.
type printer struct {
	env       *env
	out       *bufio.Writer
	set       *rules.Set
	decisions []ruletest.Decision
	lines     []any
}

func (p *printer) line(line any) error {
	switch p.env.output {
	case "jsonl":
		return p.write(line)
	case "json":
		p.lines = append(p.lines, line)
	default:
		if d, ok := line.(ruletest.Decision); ok {
			p.decisions = append(p.decisions, d)
		}
	}
	return nil
}

func (p *printer) write(v any) error {
	raw, err := encode(v, p.env.output == "json")
	if err == nil {
		_, err = p.out.Write(raw)
	}
	return err
}

func (p *printer) end(s ruletest.Summary) error {
	switch p.env.output {
	case "jsonl":
		return p.write(s)
	case "json":
		return p.write(append(p.lines, s))
	}
	return p.table(s)
}

func (p *printer) table(s ruletest.Summary) error {
	e := p.env
	for _, d := range p.decisions {
		verdict := "would act → " + dash(d.To)
		if !d.WouldAct {
			verdict = "would not act: " + d.Guard
		}
		fmt.Fprintf(e.out, "%s  %s on %s %s\n", d.At.UTC().Format(time.RFC3339), safe(d.Rule), safe(d.Target), dash(d.Version))
		e.say("  ", d.Reason)
		e.say("  ", verdict)
	}
	if len(p.decisions) > 0 {
		fmt.Fprintln(e.out)
	}
	g := columns("~rule", "fires", "would act")
	for _, name := range p.names(s) {
		g.row(name, s.Fires[name], s.Acts[name])
	}
	if err := e.result(s, g); err != nil {
		return err
	}
	if s.Events == 0 {
		fmt.Fprintln(e.err, "no events")
		return nil
	}
	fmt.Fprintf(e.err, "%s from %s to %s in %d ms\n", count(s.Events, "event"), s.First.UTC().Format(time.RFC3339), s.Last.UTC().Format(time.RFC3339), s.WallMS)
	return nil
}

// names are the rules of the targets that the events were about, and any that fired.
func (p *printer) names(s ruletest.Summary) []string {
	names := s.RuleNames()
	for _, target := range p.set.Targets() {
		for _, r := range p.set.Rules(target) {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
