package command

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// PrintJSON prints value as one line. The bytes of events and states stay as they
// are.
func PrintJSON(w io.Writer, value any) error {
	buffered := bufio.NewWriter(w)
	if err := NewEncoder(buffered).Encode(value); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return Flush(buffered)
}

// NewEncoder returns an encoder that does not escape HTML.
func NewEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

// Flush writes what w buffers.
func Flush(w *bufio.Writer) error {
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// Table prints in columns the rows that write adds with Row.
func Table(w io.Writer, write func(w io.Writer)) error {
	columns := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	write(columns)
	if err := columns.Flush(); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// Row adds a row to a table, which reports errors at its end.
func Row(w io.Writer, cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			_, _ = io.WriteString(w, "\t")
		}
		_, _ = fmt.Fprint(w, cell)
	}
	_, _ = io.WriteString(w, "\n")
}

// Printable quotes a text that a terminal may not show as it is.
func Printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// When formats a time in UTC, nil as a dash.
func When(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// OrDash returns text, or a dash if it is empty.
func OrDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
