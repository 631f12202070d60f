package command

import (
	"io"
	"slices"
)

// PrintPage prints a page of a list: with --json an item a line, else rows below the
// titles, which only the first page has.
func PrintPage[T any](f *ClientFlags, titles []any, items []T, cells func(T) []any) error {
	if f.JSON {
		for _, item := range items {
			if err := PrintJSON(f.App.Stdout, item); err != nil {
				return err
			}
		}
		return nil
	}
	return Table(f.App.Stdout, func(w io.Writer) {
		if len(titles) > 0 {
			Row(w, titles...)
		}
		for _, item := range items {
			Row(w, cells(item)...)
		}
	})
}

// PrintAll prints everything that each finds, in the order of compare, as PrintPage does.
// Nothing is printed before everything is found.
func PrintAll[T any](
	f *ClientFlags, each func(visit func(T) error) error, compare func(a, b T) int, titles []any, cells func(T) []any,
) error {
	var all []T
	err := each(func(one T) error {
		all = append(all, one)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, compare)
	return PrintPage(f, titles, all, cells)
}
