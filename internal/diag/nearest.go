package diag

import "strings"

// Nearest is the candidate that was probably meant, or "" when none is near: at
// most a third of the letters of the longer word differ, and no more than three.
// Upper and lower case are one. Of equally near ones it is the first.
func Nearest(word string, candidates []string) string {
	best, least := "", 4
	for _, c := range candidates {
		d := distance(strings.ToLower(word), strings.ToLower(c))
		if d < least && d <= max(1, max(len(word), len(c))/3) {
			best, least = c, d
		}
	}
	return best
}

// distance counts the edits between two words, a swap of neighbours being one
// (optimal string alignment).
func distance(a, b string) int {
	above, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], above[j-2]+1)
			}
		}
		above, prev, row = prev, row, above
	}
	return prev[len(b)]
}
