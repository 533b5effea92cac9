package config

import "strings"

// nearest returns the name that was probably meant by word, or "" when none is
// near: at most a third of the letters differ, or one is the beginning of the other.
func nearest(word string, names []string) string {
	best, bestDistance := "", len(word)
	for _, name := range names {
		d := distance(strings.ToLower(word), name)
		if begins(word, name) {
			d = min(d, 1)
		}
		if d < bestDistance && d <= max(1, (max(len(word), len(name))+1)/3) {
			best, bestDistance = name, d
		}
	}
	return best
}

// begins reports whether one of the two is a good part of the other's beginning.
func begins(a, b string) bool {
	return min(len(a), len(b)) >= 3 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}

// distance is the number of letters to insert, delete, change or swap with the
// neighbour to turn a into b (optimal string alignment). Words beyond 64 bytes
// are infinitely far.
func distance(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	var rows [3][most + 1]int // the row before last, the last, this
	two, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, last, row = last, row, two
	}
	return last[len(b)]
}
