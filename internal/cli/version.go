package cli

import (
	"fmt"

	"github.com/prometheus/common/version"
	"github.com/spf13/cobra"
)

func (e *env) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: arguments(0, 0),
		Example: "  ripcord version -o json",
		RunE: func(*cobra.Command, []string) error {
			if e.output != "table" {
				return e.json(map[string]string{
					"version": version.Version, "revision": version.GetRevision(), "branch": version.Branch,
					"go": version.GoVersion, "platform": version.GoOS + "/" + version.GoArch,
				})
			}
			fmt.Fprintf(e.out, "ripcord %s (revision %s, %s, %s/%s)\n",
				orDefault(version.Version, "dev"), orDefault(version.GetRevision(), "unknown"), version.GoVersion, version.GoOS, version.GoArch)
			return nil
		},
	}
}
