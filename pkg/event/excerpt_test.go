package event_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"reprise/pkg/event"
)

// No excerpt ends within a character, wherever the limit is.
func TestAnExcerptIsCutBetweenCharacters(t *testing.T) {
	const text = "añ世𝄞z"
	for most := range len(text) {
		got := event.Excerpt(text, most)
		kept, cut := strings.CutSuffix(got, "…")
		if !cut || !utf8.ValidString(got) || !strings.HasPrefix(text, kept) || len(kept) > most || most-len(kept) > 3 {
			t.Errorf("%d bytes: %q", most, got)
		}
	}
	if got := event.Excerpt(text, len(text)); got != text {
		t.Errorf("a text that is short enough became %q", got)
	}
}

func ExampleExcerpt() {
	fmt.Println(event.Excerpt("a reason that goes on and on", 8))
	// Output: a reason…
}
