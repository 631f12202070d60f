package command

import "slices"

// Nearest returns the candidate that is most like a word, "" if none is like it.
func Nearest(word string, candidates []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, candidate := range candidates {
		if d := distance(word, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// didYouMean returns a question to be added to a message, "" if nothing is like the
// word.
func didYouMean(word, prefix string, candidates []string) string {
	if nearest := Nearest(word, candidates); nearest != "" {
		return "; did you mean " + prefix + nearest + "?"
	}
	return ""
}

// distance counts the letters to insert, remove, replace or swap with the next one
// that turn a into b.
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			replaced := row[j]
			if a[i] != b[j] {
				replaced++
			}
			next[j+1] = min(replaced, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

// names are the names of commands, and of groups of commands.
func (a *App) names() []string {
	var all []string
	for _, c := range a.Commands {
		all = append(all, c.Name)
		if group := c.group(); group != "" && !slices.Contains(all, group) {
			all = append(all, group)
		}
	}
	return all
}
