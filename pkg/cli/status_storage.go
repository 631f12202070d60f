package cli

import (
	"fmt"
	"io"
	"strings"

	"reprise/pkg/api"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
)

// printStorage shows what is wrong with the disk of a platform on one machine, and
// nothing if all is well.
func printStorage(w io.Writer, v api.StatusView) {
	if len(v.Unreadable) > 0 {
		command.Row(w, "\nNOT READABLE", strings.Join(v.Unreadable, ", "))
	}
	s := v.Storage
	if s == nil {
		return
	}
	if s.State != api.StorageOK {
		command.Row(w, "\nSTORAGE", stateText(s))
	}
	if len(s.Damaged) > 0 {
		command.Row(w, "\nDAMAGED FILE", "FOUND", "FIRST KEY", "LAST KEY")
	}
	for _, d := range s.Damaged {
		command.Row(w, d.File, command.When(&d.Found), d.First, d.Last)
	}
	if len(s.Lost) > 0 {
		command.Row(w, "\nLOST RECORDS", "SHARD", "FIRST", "LAST", "ACKNOWLEDGED UNTIL", "LOSS ACCEPTED")
	}
	for _, l := range s.Lost {
		command.Row(w, l.Stream, l.Shard, l.First, l.Last, command.When(&l.Until), command.When(&l.Accepted))
	}
	if len(s.Warnings) > 0 {
		command.Row(w, "\nWARNING")
	}
	for _, text := range s.Warnings {
		command.Row(w, text)
	}
}

func stateText(s *api.StorageStatus) string {
	if s.State == api.StorageFailed {
		return "failed: reads go on, writes are refused"
	}
	free := "an unknown number of bytes"
	if s.FreeBytes != nil {
		free = progress.Bytes(*s.FreeBytes)
	}
	return fmt.Sprintf("full: %s are free, %s are kept in reserve; reads go on, writes are refused, replays wait",
		free, progress.Bytes(s.ReserveBytes))
}

// storageHints say what to do about the disk.
func storageHints(v api.StatusView) []string {
	s := v.Storage
	var hints []string
	if s == nil {
		return nil
	}
	switch s.State {
	case api.StorageFull:
		hints = append(hints, "free some space on the disk; everything goes on by itself")
	case api.StorageFailed:
		hints = append(hints, "check the disk, then start reprise local again")
	case api.StorageOK:
	}
	if len(s.Damaged) > 0 {
		hints = append(hints, "what else the damaged files hold can be read; to get the rest back, restore a backup")
	}
	return hints
}
