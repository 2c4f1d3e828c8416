package rules

import (
	"fmt"
	"sort"
	"strings"

	"github.com/ripcord-dev/ripcord/internal/diag"
)

// didYouMean is a hint that names the nearest candidate, else all of them.
func didYouMean(name string, candidates []string) string {
	sorted := append([]string(nil), candidates...)
	sort.Strings(sorted)
	if c := diag.Nearest(name, sorted); c != "" {
		return fmt.Sprintf("did you mean %s?", c)
	}
	return known(sorted)
}

// known is a hint that lists names, as many as one can read.
func known(names []string) string {
	const most = 16
	switch {
	case len(names) == 0:
		return ""
	case len(names) > most:
		return fmt.Sprintf("known are %s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return "known are " + strings.Join(names, ", ")
}
