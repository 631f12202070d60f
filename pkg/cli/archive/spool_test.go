package archive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"reprise/pkg/archive"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// A bucket that does not fit into memory is sorted in files.
func TestASpoolSortsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	for _, most := range []int{1, 300, 1 << 20} {
		s := spool{most: most}
		var want []event.Position
		for i := range 200 {
			at, err := event.NewPosition(1, fmt.Sprint(1000+i), 0)
			must(t, err)
			want = append(want, at)
		}
		for _, i := range r.Perm(len(want)) {
			must(t, s.add(archive.Event{Position: want[i], Logged: int64(i), Line: []byte(`{"id":"` + string(want[i]) + `"}`)}))
		}
		files := len(s.runs)
		var got []event.Position
		must(t, s.each(func(e *archive.Event) error {
			got = append(got, e.Position)
			if string(e.Line) != `{"id":"`+string(e.Position)+`"}` || want[e.Logged] != e.Position {
				t.Errorf("%+v", e)
			}
			return nil
		}))
		if !slices.Equal(got, want) || (most == 1) != (files == 200) {
			t.Errorf("%d positions of %d files", len(got), files)
		}
		var names []string
		for _, f := range s.runs {
			names = append(names, f.Name())
		}
		s.reset()
		for _, name := range names {
			if _, err := os.Stat(name); err == nil {
				t.Errorf("%s is left", name)
			}
		}
	}
}

// goesOnAfterWholeBuckets fails if an export that has hourly buckets would go on in the
// middle of one.
func goesOnAfterWholeBuckets(t *testing.T, path string) {
	t.Helper()
	a, err := archive.Open(path)
	must(t, err)
	defer func() { must(t, a.Close()) }()
	division, err := event.NewLanes(len(a.Manifest.Header.Lanes))
	must(t, err)
	events, err := a.Events()
	must(t, err)
	defer events.Close()
	opened := 0
	for {
		e, err := events.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		parsed, err := event.Parse(string(e.Line))
		must(t, err)
		for _, p := range a.Manifest.Parts {
			if p.Lane != int(division.Of(parsed.Subject)) || p.Events == 0 || p.Last >= e.Position {
				continue
			}
			if p.Open {
				opened++
			} else if bucket := eventlog.Hour.Of(e.Logged); p.Reached >= bucket {
				t.Fatalf("the event at %s lies in bucket %s, which a part before it has reached", e.Position, bucket)
			}
		}
	}
	if opened == 0 {
		t.Error("no part ends in the middle of a bucket")
	}
}
