package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest returns the names of at most n metrics whose name or alias is similar to a name that Lookup does not find,
// the most similar first; none where none is.
func (c *Catalog) Nearest(name string, n int) []string {
	const longest = 64 // longer than any name: clients send the text
	requested := []rune(stripSeparators(normalName(name)))
	requested = requested[:min(len(requested), longest)]
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for _, metric := range c.metrics {
		best := candidate{metric.Name, longest}
		for _, known := range append([]string{metric.Name}, metric.Aliases...) {
			best.distance = min(best.distance, nameDistance(requested, []rune(stripSeparators(normalName(known)))))
		}
		if best.distance < longest {
			found = append(found, best)
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	names := []string{}
	for _, f := range found[:min(n, len(found))] {
		names = append(names, f.name)
	}
	return names
}

// stripSeparators removes what names are split by.
func stripSeparators(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(name)
}

// nameDistance returns how different two names are; 64 where they are unrelated.
func nameDistance(requested, known []rune) int {
	if len(requested) >= 3 && strings.Contains(string(known), string(requested)) {
		return 2 + (len(known)-len(requested))/4
	}
	if d := editDistance(requested, known); d <= len(known)/3 {
		return d
	}
	return 64
}

// editDistance counts the letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
func editDistance(a, b []rune) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
