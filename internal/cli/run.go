package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ripcord-dev/ripcord/internal/app"
	"github.com/ripcord-dev/ripcord/internal/config"
)

func (e *env) run() *cobra.Command {
	path := orDefault(os.Getenv("RIPCORD_CONFIG_FILE"), "ripcord.yml")
	c := &cobra.Command{
		Use: "run", Short: "Run the daemon", Args: arguments(0, 0),
		Long:    "Run runs the daemon until it is told to end (SIGTERM, Ctrl-C). It logs to stderr; /-/ready\ntells when it serves.",
		Example: "  ripcord run --config /etc/ripcord/ripcord.yml",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, problems := config.LoadFile(path)
			if err := problems.Err(); err != nil {
				return err
			}
			fmt.Fprint(e.err, safeLines(problems.Render())) // warnings
			err := app.Run(c.Context(), app.Options{
				Config: cfg, Logger: e.logger(cfg.Log), Registry: prometheus.NewRegistry(),
			})
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		},
	}
	c.Flags().StringVar(&path, "config", path, "the daemon's file (RIPCORD_CONFIG_FILE)")
	return c
}

// logger logs to stderr as the configuration says.
func (e *env) logger(cfg config.Log) zerolog.Logger {
	level, err := zerolog.ParseLevel(cfg.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	if cfg.Format == "console" {
		w := zerolog.ConsoleWriter{Out: e.err, TimeFormat: "15:04:05.000", NoColor: !terminal(e.err)}
		return zerolog.New(w).Level(level).With().Timestamp().Logger()
	}
	return zerolog.New(e.err).Level(level).With().Timestamp().Logger()
}
