// Command ripcord takes a bad release back before its users notice.
package main

import (
	"os"

	"github.com/ripcord-dev/ripcord/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
