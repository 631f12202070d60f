package command

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// PrintJSON prints a value as one line, with every byte of events and states
// as it is.
func PrintJSON(w io.Writer, value any) error {
	buffered := bufio.NewWriter(w)
	if err := NewEncoder(buffered).Encode(value); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return Flush(buffered)
}

func NewEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

func Flush(w *bufio.Writer) error {
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// Table prints rows in columns; write separates cells by tabs.
func Table(w io.Writer, write func(w io.Writer)) error {
	columns := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	write(columns)
	if err := columns.Flush(); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// Row prints the cells of a table's row. Errors show at the end.
func Row(w io.Writer, cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			_, _ = io.WriteString(w, "\t")
		}
		_, _ = fmt.Fprint(w, cell)
	}
	_, _ = io.WriteString(w, "\n")
}

func When(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func OrDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
