package local_test

import (
	"net/http"
	"testing"

	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// A file that is sent twice is rebuilt: no number of a progress document ever falls,
// applied counts every event once, and nothing exceeds what the replay has.
func TestProgressOfAFileThatWasSentTwice(t *testing.T) {
	t.Parallel()
	_, p, _ := pausable(t)
	p.Send("/events", changes(0, 300, 7)) // the same events again
	p.Settle(600)
	status, body := p.Call(http.MethodPost, "/replays", "application/json",
		[]byte(`{"name":"r","input":{"rebuild":true,"rate":400}}`))
	if status != http.StatusCreated {
		t.Fatalf("start: %d %s", status, body)
	}
	var last lifecycle.Detail
	groups := make(map[int]lifecycle.Counts)
	documents := 0
	last = localtest.Until(p, "/replays/r/progress", func(d lifecycle.Detail) bool {
		documents++
		grows(t, "in all", last.Counts, d.Counts, 600)
		for _, g := range d.Groups {
			grows(t, "a group", groups[g.Group], g.Counts, g.Total)
			groups[g.Group] = g.Counts
		}
		if d.Percent != nil && (*d.Percent > 100 || last.Percent != nil && *d.Percent < *last.Percent) {
			t.Errorf("%v %% after %v %%", *d.Percent, *last.Percent)
		}
		last = d
		return d.Status.Ended() || t.Failed()
	})
	if last.Status != replay.Succeeded || last.Applied != 300 || last.Duplicates != 300 || last.Consumed != 600 ||
		last.Read != 600 || last.Delivered != 600 || *last.Percent != 100 || documents < 5 {
		t.Errorf("after %d documents: %s, %+v", documents, last.Status, last.Counts)
	}
}

// grows compares counts with those of an earlier document.
func grows(t *testing.T, what string, before, now lifecycle.Counts, total int64) {
	t.Helper()
	if now.Read < before.Read || now.Filtered < before.Filtered || now.Delivered < before.Delivered ||
		now.Consumed < before.Consumed || now.Applied < before.Applied || now.Duplicates < before.Duplicates ||
		now.Parked < before.Parked {
		t.Errorf("%s: %+v after %+v", what, now, before)
	}
	if now.Read > total || now.Delivered > total || now.Consumed > total || now.Applied > total/2 ||
		now.Applied+now.Duplicates > now.Consumed {
		t.Errorf("%s: %+v of %d events", what, now, total)
	}
}
