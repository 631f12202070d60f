package replay

import (
	"fmt"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// selection decides which events of the cut a replay delivers.
type selection struct {
	from, to int64 // logged milliseconds, [from, to)
	types    []string
}

func newSelection(r Request) selection {
	s := selection{from: -1 << 62, to: 1 << 62, types: r.Types}
	if r.From != nil {
		s.from = r.From.UnixMilli()
	}
	if r.To != nil {
		s.to = r.To.UnixMilli()
	}
	return s
}

func (s *selection) wants(e *eventlog.Entry) (bool, error) {
	if e.Logged < s.from || e.Logged >= s.to {
		return false, nil
	}
	if len(s.types) == 0 {
		return true, nil
	}
	parsed, err := event.Parse(string(e.Line))
	if err != nil {
		return false, fmt.Errorf("parse event at %s: %w", e.Position, err)
	}
	return slices.Contains(s.types, parsed.Type), nil
}
