package printable_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"reprise/pkg/cli/printable"
)

func TestWhatATerminalMightObeyIsQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"plain, Grüße, 漢字, 👩‍🚀, שלום": "plain, Grüße, 漢字, 👩‍🚀, שלום",
		"a\x1b[2Jb":              `a\u001b[2Jb`,
		"\x00\a\b\r\x7f":         `\u0000\u0007\u0008\u000d\u007f`,
		"\u0085\u009b31m":        `\u0085\u009b31m`,
		"a\u202eb\u2066c\u200fd": `a\u202eb\u2066c\u200fd`,
		"a\u2028b":               `a\u2028b`,
		"a\x9bb\xffc":            `a\x9bb\xffc`,
		"a\ufffdb":               "a\ufffdb",
		"two\nlines\tand a tab":  "two\nlines\tand a tab",
	} {
		if got := printable.Text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if got := printable.Cell("two\nlines\tand a tab\u202e"); got != `two\u000alines\u0009and a tab\u202e` {
		t.Errorf("a cell becomes %q", got)
	}
	for r := range rune(unicode.MaxRune) {
		if got := printable.Text(string(r)); unicode.IsControl(r) && r != '\n' && r != '\t' && got == string(r) {
			t.Errorf("U+%04X is not quoted", r)
		}
	}
}

// However the text is cut, the writer quotes it as a whole.
func TestWriterQuotesAcrossWrites(t *testing.T) {
	const text = "Grüße \u009b \u202e 漢字\x1b 👩‍🚀 \x9b\xe2\x80"
	for size := 1; size < len(text); size++ {
		var out strings.Builder
		w := printable.NewWriter(&out)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if written, err := w.Write([]byte(rest[:n])); written != n || err != nil {
				t.Fatal(written, err)
			}
			rest = rest[n:]
		}
		if err := w.Flush(); err != nil || out.String() != printable.Text(text) {
			t.Errorf("in pieces of %d: %q, %v", size, out.String(), err)
		}
	}
}

func TestJSONStaysTheSameJSON(t *testing.T) {
	const value = "a\u009b\u202e\x7f\x1b\n\t\u2028"
	raw, err := json.Marshal(map[string]string{value: value})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(printable.Text(string(raw))), &got); err != nil || got[value] != value {
		t.Errorf("%q, %v", got, err)
	}
}
