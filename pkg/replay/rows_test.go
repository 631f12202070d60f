package replay_test

import (
	"errors"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// A replay is created once. A retry with the same request finds it, one with
// another request is refused, and what is no request creates nothing.
func TestAReplayIsCreatedOnce(t *testing.T) {
	w := replaytest.New(t)
	first := w.Now
	for _, tt := range []struct {
		id      string
		request replay.Request
		created bool
		err     error
	}{
		{"r", replay.Request{Types: []string{"a"}}, true, nil},
		{"r", replay.Request{Types: []string{"a", "a"}}, false, nil},
		{"r", replay.Request{Types: []string{"b"}}, false, replay.ErrExists},
		{"not an id", replay.Request{}, false, replay.ErrRequest},
		{"s", replay.Request{Promote: true}, false, replay.ErrRequest},
	} {
		row, created, err := w.Store.Create(t.Context(), tt.id, tt.request)
		if created != tt.created || !errors.Is(err, tt.err) {
			t.Errorf("%s, %+v: created %t, %v", tt.id, tt.request, created, err)
		}
		if err == nil && (row.ID != "r" || row.Status != replay.Planned || !row.Created.Equal(first)) {
			t.Errorf("%s, %+v: the row is %+v", tt.id, tt.request, row)
		}
		w.Now = w.Now.Add(time.Hour)
	}
	if _, err := w.Store.Load(t.Context(), "s"); !errors.Is(err, replay.ErrNotFound) {
		t.Errorf("what was refused is stored: %v", err)
	}
	failing := w.Store
	failing.Table = replaytest.Intercepted{Table: w.Store.Table, Write: replaytest.Failing(replay.RowKey("s"))}
	_, created, err := failing.Create(t.Context(), "s", replay.Request{})
	if created || !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("what could not be stored: created %t, %v", created, err)
	}
}

// The start of a replay is that of its first execution; after its end there is
// none to record.
func TestAReplayIsStartedOnce(t *testing.T) {
	w := replaytest.New(t)
	w.Create("r", replay.Request{})
	first := w.Now
	w.Must(w.Store.Started(t.Context(), "r"))
	w.Now = w.Now.Add(time.Hour)
	w.Must(w.Store.Started(t.Context(), "r"))
	if row := w.Row("r"); row.Started == nil || !row.Started.Equal(first) {
		t.Errorf("started at %v", row.Started)
	}
	w.Create("s", replay.Request{})
	_, _, err := w.Store.End(t.Context(), "s", replay.Failed, nil, nil)
	w.Must(err)
	w.Must(w.Store.Started(t.Context(), "s"))
	if row := w.Row("s"); row.Started != nil {
		t.Errorf("started at %v, after its end", row.Started)
	}
}

// A replay ends once. One that was cancelled ends as cancelled, unless it has made
// its generation active before: then all that was asked for was done.
func TestAReplayEndsOnce(t *testing.T) {
	failure := &replay.Failure{Error: "Reprise.Stalled"}
	for name, tt := range map[string]struct {
		before func(*replay.Row)
		want   replay.Status
		failed bool
	}{
		"it runs":                {func(*replay.Row) {}, replay.Failed, true},
		"it was cancelled":       {func(row *replay.Row) { row.Cancel = true }, replay.Cancelled, false},
		"it was promoted":        {func(row *replay.Row) { row.Promoted = true }, replay.Failed, true},
		"it was promoted before": {func(row *replay.Row) { row.Promoted, row.Cancel = true, true }, replay.Failed, true},
	} {
		w := replaytest.New(t)
		w.Create("r", replay.Request{})
		w.Change("r", tt.before)
		end := w.Now
		row, ended, err := w.Store.End(t.Context(), "r", replay.Failed, failure, nil)
		if err != nil || ended || row.Status != tt.want || (row.Failure != nil) != tt.failed || !row.Ended.Equal(end) {
			t.Errorf("%s: ended before %t, as %+v, %v", name, ended, row, err)
		}
		w.Now = w.Now.Add(time.Hour)
		row, ended, err = w.Store.End(t.Context(), "r", replay.Succeeded, nil, nil)
		if err != nil || !ended || row.Status != tt.want || !row.Ended.Equal(end) {
			t.Errorf("%s, again: ended before %t, as %+v, %v", name, ended, row, err)
		}
	}
}

// A replay does not end if its row is not what the caller has checked.
func TestAReplayEndsOnlyAsChecked(t *testing.T) {
	w := replaytest.New(t)
	w.Create("r", replay.Request{})
	refuse := func(*replay.Row) error { return replaytest.ErrUnreadable }
	if _, _, err := w.Store.End(t.Context(), "r", replay.Failed, nil, refuse); !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("refused: %v", err)
	}
	if row := w.Row("r"); row.Status.Ended() || row.Ended != nil {
		t.Errorf("the row is %+v", row)
	}
	if _, _, err := w.Store.End(t.Context(), "s", replay.Failed, nil, nil); !errors.Is(err, replay.ErrNotFound) {
		t.Errorf("of no replay: %v", err)
	}
}

// A lane whose plan is gone is an error, and not read as an empty lane.
func TestALaneWithoutAPlanIsNotEmpty(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a")
	row := w.Plan("r", replay.Request{})
	key := control.Key{Partition: replay.Partition("r"), Sort: "lane#" + row.Lanes[0].String()}
	doc, err := w.Store.Table.Get(t.Context(), key)
	w.Must(err)
	w.Must(w.Store.Table.Delete(t.Context(), key, doc.Version))
	if _, err := w.Reader().Read(t.Context(), "r", 0, w.Soon()); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
	if at := w.Checkpoint("r", row.Lanes[0]); at.Done || at.End != nil {
		t.Errorf("the checkpoint is %+v", at)
	}
}
