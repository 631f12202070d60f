package rowdiff_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection/rowdiff"
)

// endless is a generation whose rows are made as they are read, and so take no memory of
// its own. Each has a field that no other row has.
type endless struct {
	datastore.Generation
	rows  int
	value string
	read  func()
}

func (e *endless) Scan(_ context.Context, lane event.Lane, after string, limit int) ([]datastore.Row, error) {
	e.read()
	from := 0
	if after != "" {
		if _, err := fmt.Sscanf(after, "%d", &from); err != nil {
			return nil, err
		}
		from++
	}
	var page []datastore.Row
	for i := from; i < min(from+limit, e.rows); i++ {
		state := fmt.Sprintf(`{"of %d":%q,"filling":%q}`, i, e.value, strings.Repeat("x", 4000))
		page = append(page, datastore.Row{Entity: fmt.Sprintf("%09d", i), State: json.RawMessage(state), Position: "1"})
	}
	return page, nil
}

// A comparison holds a fixed amount of memory, and makes a report of a fixed size, however
// many rows there are and however many fields of them differ.
func TestAComparisonHoldsAFixedAmountOfMemory(t *testing.T) {
	measure := func(rows int) (peak uint64, report rowdiff.Report, scans int) {
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		read := func() {
			if scans++; scans%10 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
			}
		}
		d := rowdiff.Differ{Old: &endless{rows: rows, value: "old", read: read},
			New: &endless{rows: rows, value: "new", read: read}}
		report.Complete = true
		if err := d.Lanes(t.Context(), []event.Lane{0}, &report); err != nil {
			t.Fatal(err)
		}
		return peak, report, scans
	}
	const rows = 6_000 // 48 MB
	few, _, _ := measure(rows / 10)
	peak, report, scans := measure(rows)
	t.Logf("%d bytes at most for %d rows, %d for a tenth of them", peak, rows, few)
	if report.Compared != rows || report.Differing != rows || scans < 60 {
		t.Fatalf("%d compared, %d differ, %d scans", report.Compared, report.Differing, scans)
	}
	if peak > 4<<20 {
		t.Errorf("%d bytes are held", peak)
	}
	if body, err := json.Marshal(report); err != nil || len(body) > 64<<10 {
		t.Errorf("a report of %d bytes, %v", len(body), err)
	}
}
