package rules

import (
	"fmt"
	"sort"
	"strings"
)

// nearest is the candidate that was probably meant, or "" when none is near: at
// most a third of the letters differ.
func nearest(name string, candidates []string) string {
	best, found := len(name)/3+1, ""
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < best || d == best && found == "" {
			best, found = d, c
		}
	}
	return found
}

// didYouMean is a hint that names the nearest candidate, else all of them.
func didYouMean(name string, candidates []string) string {
	sorted := append([]string(nil), candidates...)
	sort.Strings(sorted)
	if c := nearest(name, sorted); c != "" {
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

// distance is Levenshtein's, with a swap of two neighbours counted as one.
func distance(a, b string) int {
	before, last, this := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		this[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			this[j] = min(last[j]+1, this[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				this[j] = min(this[j], before[j-2]+1)
			}
		}
		before, last, this = last, this, make([]int, len(b)+1)
	}
	return last[len(b)]
}
