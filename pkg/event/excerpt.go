package event

import "strings"

// Excerpt returns a text of at most most bytes as it is, and of a longer one the begin,
// cut between two characters and followed by "…". What it cuts is valid UTF-8.
func Excerpt(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
