package command

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"reprise/pkg/cli/printable"
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

// Row adds a row to a table, which reports errors at its end. A cell shows its text in
// one line, with what a terminal might obey quoted; only Lines may have several. A line
// feed before the first cell leaves a line free.
func Row(w io.Writer, cells ...any) {
	for i, cell := range cells {
		text := fmt.Sprint(cell)
		if rest, found := strings.CutPrefix(text, "\n"); found && i == 0 {
			_, _ = io.WriteString(w, "\n")
			text = rest
		}
		if i > 0 {
			_, _ = io.WriteString(w, "\t")
		}
		if _, several := cell.(Lines); several {
			text = printable.Text(text)
		} else {
			text = printable.Cell(text)
		}
		_, _ = io.WriteString(w, text)
	}
	_, _ = io.WriteString(w, "\n")
}

// Lines is a cell of several lines.
type Lines string

// Say prints a line, with what a terminal might obey quoted.
func Say(w io.Writer, format string, args ...any) error {
	if _, err := fmt.Fprintln(w, printable.Cell(fmt.Sprintf(format, args...))); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// When formats a time in UTC, nil as a dash.
func When(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// OrDash returns text, or a dash if it is empty.
func OrDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
