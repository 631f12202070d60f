package printable

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// unsafe reports whether a terminal may act on a character instead of showing it:
// control characters (C0, DEL and C1), line and paragraph separators, and marks and
// overrides of the direction of text.
func unsafe(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// Text quotes what is unsafe, except for line feeds and tabs, as in a JSON string:
// an escape character becomes \u001b. So JSON stays the same JSON.
func Text(text string) string { return quote(text, "\n\t") }

// Cell is Text for a cell of a table: it quotes line feeds and tabs too.
func Cell(text string) string { return quote(text, "") }

func quote(text, except string) string {
	quoted := func(r rune) bool { return unsafe(r) && !strings.ContainsRune(except, r) }
	if !strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || quoted(r) }) {
		return text
	}
	var out strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&out, `\x%02x`, text[i]) // a byte that is no Unicode
		case quoted(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// Writer quotes what is written to it, as Text does. It is safe for concurrent use.
type Writer struct {
	to io.Writer
	mu sync.Mutex
	// rest begins a character whose other bytes are not written yet.
	rest []byte
}

// NewWriter returns a writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Raw is the writer behind w if w is a *Writer, otherwise w. What is written to it
// must not come from data.
func Raw(w io.Writer) io.Writer {
	if quoting, ok := w.(*Writer); ok {
		return quoting.to
	}
	return w
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.rest, p...)
	whole := len(text) - incomplete(text)
	w.rest = append([]byte(nil), text[whole:]...)
	if _, err := io.WriteString(w.to, Text(string(text[:whole]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// incomplete is the length of the character at the end of text that lacks bytes.
func incomplete(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// Flush writes what is left of a character that never became whole.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := w.rest
	w.rest = nil
	_, err := io.WriteString(w.to, Text(string(rest)))
	return err
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd()))
}
