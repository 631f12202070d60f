package codecheck

import (
	"context"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// walkPage bounds the rows of the older generation that are in memory at a time.
const walkPage = 32

// Walk compares the rows of one lane of an older generation with rows that the present
// code has folded. It reads each older row once.
type Walk struct {
	old  datastore.Generation
	lane event.Lane
	// enough reports whether to stop, since time runs out.
	enough func() bool
	rows   []datastore.Row
	after  string
	ended  bool
	result Comparison
}

// NewWalk begins at the start of a lane. enough, which may be nil, is asked before each
// page is read.
func NewWalk(old datastore.Generation, lane event.Lane, enough func() bool) *Walk {
	return &Walk{old: old, lane: lane, enough: enough}
}

// Compare compares a row with the older one of the same entity. Rows must come in the
// order of datastore.EachRow. If the older rows cannot be read, the result is partial:
// that is no reason to stop what Compare is a part of.
func (w *Walk) Compare(ctx context.Context, fresh *datastore.Row) {
	key := event.EscapeEntity(fresh.Entity)
	for {
		for len(w.rows) > 0 {
			old := &w.rows[0]
			at := event.EscapeEntity(old.Entity)
			if at > key {
				return
			}
			if at == key {
				w.result.add(w.lane, old, fresh)
			}
			w.rows = w.rows[1:]
		}
		if w.ended || !w.read(ctx) {
			return
		}
	}
}

// read reads the next page, and returns false if there is none.
func (w *Walk) read(ctx context.Context) bool {
	if w.enough != nil && w.enough() {
		w.ended, w.result.Partial = true, true
		return false
	}
	rows, err := w.old.Scan(ctx, w.lane, w.after, walkPage)
	if err != nil {
		w.ended, w.result.Partial = true, true
		return false
	}
	w.ended = !datastore.MoreRows(rows, walkPage)
	if len(rows) > 0 {
		w.after = rows[len(rows)-1].Entity
	}
	w.rows = rows
	return len(rows) > 0
}

// Result is the comparison of the rows so far, without the generation's id.
func (w *Walk) Result() Comparison { return w.result }
