package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/internal/demo"
)

func (e *env) demo() *cobra.Command {
	opts := demo.Options{}
	c := &cobra.Command{
		Use: "demo", Short: "Play the whole story on this machine", Args: arguments(0, 0),
		Example: "  ripcord demo\n  ripcord demo --mode auto --dir /tmp/demo --keep",
		Long: "Demo plays the story that Ripcord was made for: a fraud model that was better in testing\n" +
			"blocks 40 % of legitimate payments; it is detected, taken back and verified. Everything\n" +
			"runs on this machine; Slack is a stand-in unless SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET\n" +
			"are set. The exit status is 0 only when the incident ended as recovered.",
		RunE: func(c *cobra.Command, _ []string) error {
			if opts.Mode != "approve" && opts.Mode != "auto" {
				return misused("--mode %s: want approve or auto", opts.Mode)
			}
			binary, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			opts.Binary = binary
			opts.Screen = &demo.Screen{Out: e.out, Color: !opts.Headless && terminal(e.out)}
			report, err := demo.Play(c.Context(), opts)
			if opts.Headless && (err == nil || errors.Is(err, demo.ErrNotRecovered)) {
				if err := json.NewEncoder(e.out).Encode(report); err != nil {
					return err
				}
			}
			return err
		},
	}
	c.Flags().StringVar(&opts.Mode, "mode", "approve", "approve (a click decides) or auto")
	c.Flags().StringVar(&opts.Dir, "dir", "demo", "where everything is written; made anew")
	c.Flags().BoolVar(&opts.Keep, "keep", false, "stay up after the end")
	c.Flags().BoolVar(&opts.Headless, "headless", false, "plain lines, and one JSON line at the end")
	return c
}
