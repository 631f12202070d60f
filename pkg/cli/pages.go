package cli

import (
	"io"

	"reprise/pkg/cli/command"
)

// printPage prints a page of a list: with --json an item a line, else rows below the
// titles, which only the first page has.
func printPage[T any](f *command.ClientFlags, titles []any, items []T, cells func(T) []any) error {
	if f.JSON {
		for _, item := range items {
			if err := command.PrintJSON(f.App.Stdout, item); err != nil {
				return err
			}
		}
		return nil
	}
	return command.Table(f.App.Stdout, func(w io.Writer) {
		if len(titles) > 0 {
			command.Row(w, titles...)
		}
		for _, item := range items {
			command.Row(w, cells(item)...)
		}
	})
}
