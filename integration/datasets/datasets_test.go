package datasets

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"reprise/integration/readback"
	"reprise/pkg/api/entities"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

const (
	// Many lanes have few buckets each, and reading an entity's history reads all
	// buckets of its lane.
	lanes = 64
	// batch is the number of events in a request.
	batch = 2000
)

func duplicates(rows map[string]entities.View) (sum int64) {
	for _, row := range rows {
		sum += row.Duplicates
	}
	return sum
}

func TestRealLogsAgreeWithGitLiveRebuiltAndSentTwice(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(testing.TB) Log{"litestream": Litestream, "karpenter": Karpenter} {
		t.Run(name, func(t *testing.T) {
			d := load(t)
			p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: lanes})
			n := int64(len(d.Lines))
			d.Send(p.Client, "/events", batch)
			p.Settle(n)
			live := p.Rows("", lanes)
			d.Judge(t, "live", live)

			d.Send(p.Client, "/events", batch)
			p.Settle(2 * n)
			twice := p.Rows("", lanes)
			d.Judge(t, "sent twice", twice)
			if got := duplicates(twice); got != n {
				t.Errorf("sent twice: %d duplicates counted, want %d", got, n)
			}
			for entity, row := range twice {
				if row.Count != live[entity].Count || row.Chain != live[entity].Chain {
					t.Errorf("sent twice: %s changed from %+v to %+v", entity, live[entity], row)
				}
			}

			p.Wipe()
			got := p.Replay("again", `{"rebuild":true,"promote":true}`)
			if got.Status != replay.Succeeded || got.Progress.Duplicates != n || got.Progress.Applied != n {
				t.Errorf("rebuild: %+v, failure %+v", got, got.Failure)
			}
			rebuilt := p.Rows("", lanes)
			d.Judge(t, "rebuilt", rebuilt)
			Same(t, "rebuilt", rebuilt, twice)
		})
	}
}

func TestImportedLogSpansItsOwnYears(t *testing.T) {
	t.Parallel()
	d := Karpenter(t)
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: lanes})
	n := int64(len(d.Lines))
	d.Send(p.Client, "/imports", batch)
	p.Settle(n)
	live := p.Rows("", lanes)
	d.Judge(t, "imported", live)

	got := p.Replay("whole", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Progress.Applied != n {
		t.Fatalf("rebuild: %+v, failure %+v", got, got.Failure)
	}
	Same(t, "rebuilt", p.Rows("", lanes), live)
	if got.Plan.Slices < 16 || got.Plan.Groups < 8 {
		t.Errorf("the plan has %d slices and %d groups", got.Plan.Slices, got.Plan.Groups)
	}
	t.Run("time range", func(t *testing.T) { checkRange(t, p, live) })
	t.Run("entities", func(t *testing.T) { checkEntities(t, p, d) })
	t.Run("types", func(t *testing.T) {
		none := p.Replay("no-such-type", `{"types":["nothing.happened"]}`)
		if none.Status != replay.Succeeded || none.Progress.Delivered != 0 || none.Progress.Read != n {
			t.Errorf("replay of a type that nobody has: %+v", none.Progress)
		}
	})
}

func checkRange(t *testing.T, p *localtest.Platform, live map[string]entities.View) {
	from, to := time.Date(2022, 3, 10, 7, 30, 0, 0, time.UTC), time.Date(2022, 5, 2, 18, 0, 0, 0, time.UTC)
	got := p.Replay("spring", fmt.Sprintf(`{"from":%q,"to":%q,"types":["file.changed"]}`,
		from.Format(time.RFC3339), to.Format(time.RFC3339)))
	if got.Status != replay.Succeeded {
		t.Fatalf("replay: %+v", got)
	}
	took := readback.Delivered(t, p, "spring")
	want := int64(0)
	for entity := range live {
		var positions []event.Position
		for _, h := range readback.History(p.Client, entity) {
			if !h.Logged.Before(from) && h.Logged.Before(to) {
				positions = append(positions, h.Position)
			}
		}
		want += int64(len(positions))
		if !slices.Equal(took[entity], positions) {
			t.Errorf("entity %s: delivered %v, want %v", entity, took[entity], positions)
		}
	}
	if got.Progress.Delivered != want || got.Progress.Read >= int64(len(live))*3 || want == 0 {
		t.Errorf("progress %+v, selected %d", got.Progress, want)
	}
}

func checkEntities(t *testing.T, p *localtest.Platform, d Log) {
	got := p.Replay("two-files", `{"entities":["go.mod","Makefile"]}`)
	if got.Status != replay.Succeeded {
		t.Fatalf("replay: %+v", got)
	}
	took := readback.Delivered(t, p, "two-files")
	var want int64
	for _, entity := range []string{"go.mod", "Makefile"} {
		var positions []event.Position
		for _, h := range readback.History(p.Client, entity) {
			positions = append(positions, h.Position)
		}
		want += int64(len(positions))
		if len(positions) < 200 || !slices.Equal(took[entity], positions) {
			t.Errorf("entity %s: delivered %d events, want %d", entity, len(took[entity]), len(positions))
		}
	}
	// Only these entities were read, in their own buckets.
	if len(took) != 2 || got.Progress.Read != want || got.Progress.Delivered != want {
		t.Errorf("delivered %d entities, progress %+v, want %d events", len(took), got.Progress, want)
	}
}
