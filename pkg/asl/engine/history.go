package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// HistoryPage is a page of an execution's events.
type HistoryPage struct {
	Events []states.Event
	Next   int64 // the id of the next page's first event, 0 on the last page
}

// History returns the events of an execution beginning with id from, in
// ascending order, or descending if reverse is set. A from of 0 means the first
// event, or the last if reverse is set. A page has at most limit events; 0 means
// 1,000, the service's limit. Events of states that only compute appear together
// with those of the next state that waits.
func (e *Engine) History(_ context.Context, arn string, from int64, limit int, reverse bool) (HistoryPage, error) {
	record, err := e.recordOf(arn)
	if err != nil {
		return HistoryPage{}, err
	}
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	sequence, _, err := journal.Load[journal.Sequence](e.journal, journal.SequenceKey(record.ID))
	if err != nil {
		return HistoryPage{}, fmt.Errorf("history of %s: %w", arn, err)
	}
	low, high := bounds(sequence.Last, from, int64(limit), reverse)
	page := HistoryPage{}
	if page.Events, err = e.events(record.ID, low, high); err != nil {
		return HistoryPage{}, fmt.Errorf("history of %s: %w", arn, err)
	}
	switch {
	case reverse && low > 1:
		page.Next = low - 1
	case !reverse && high < sequence.Last:
		page.Next = high + 1
	}
	if reverse {
		slices.Reverse(page.Events)
	}
	return page, nil
}

// bounds are the lowest and highest event id of a page.
func bounds(last, from, limit int64, reverse bool) (low, high int64) {
	if !reverse {
		low = max(from, 1)
		return low, min(low+limit-1, last)
	}
	if high = last; from > 0 {
		high = min(from, last)
	}
	return max(high-limit+1, 1), high
}

func (e *Engine) events(id string, low, high int64) ([]states.Event, error) {
	var events []states.Event
	if high < low {
		return nil, nil
	}
	lower, upper := journal.HistoryKey(id, low), journal.HistoryKey(id, high+1)
	err := e.journal.Scan(lower, upper, func(_ string, value []byte) (bool, error) {
		var event states.Event
		if err := json.Unmarshal(value, &event); err != nil {
			return false, fmt.Errorf("decode event: %w", err)
		}
		events = append(events, event)
		return true, nil
	})
	return events, err
}
