package integration

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/cli/demo"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/feed"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

const lanes = 16

// dataset is a real log with its truth.
type dataset struct {
	lines []json.RawMessage
	truth demo.Truth
}

func litestream(t testing.TB) dataset {
	t.Helper()
	log, err := demo.Litestream()
	if err != nil {
		t.Fatal(err)
	}
	truth, err := demo.LitestreamTruth()
	if err != nil {
		t.Fatal(err)
	}
	return dataset{readLines(t, log), truth}
}

func karpenter(t testing.TB) dataset {
	t.Helper()
	file, err := os.Open("testdata/karpenter-provider-aws.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	log, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("testdata/karpenter-provider-aws.truth.json")
	if err != nil {
		t.Fatal(err)
	}
	truth, err := demo.ParseTruth(raw)
	if err != nil {
		t.Fatal(err)
	}
	return dataset{readLines(t, log), truth}
}

func readLines(t testing.TB, r io.Reader) []json.RawMessage {
	t.Helper()
	var lines []json.RawMessage
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, slices.Clone(scanner.Bytes()))
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func (d dataset) send(p *localtest.Platform, path string) {
	for batch := range slices.Chunk(d.lines, 2000) {
		p.Send(path, batch)
	}
}

// judge holds rows against what Git says.
func (d dataset) judge(t *testing.T, what string, rows map[string]api.EntityView) {
	t.Helper()
	wrong := 0
	for path, row := range rows {
		if !d.truth.Agrees(path, row.State) {
			wrong++
			if wrong < 5 {
				t.Errorf("%s: %s is %s, Git says %d lines", what, path, row.State, d.truth[path])
			}
		}
	}
	for path := range d.truth {
		if _, found := rows[path]; !found {
			t.Errorf("%s: %s is missing", what, path)
		}
	}
	if wrong > 0 {
		t.Errorf("%s: %d of %d entities disagree with Git", what, wrong, len(rows))
	}
}

// same compares rows byte for byte: state, count, chain, position.
func same(t *testing.T, what string, got, want map[string]api.EntityView) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d entities, want %d", what, len(got), len(want))
	}
	wrong := 0
	for name, w := range want {
		g := got[name]
		if string(g.State) != string(w.State) || g.Count != w.Count || g.Chain != w.Chain || g.Position != w.Position {
			if wrong++; wrong < 5 {
				t.Errorf("%s: %s is %+v, want %+v", what, name, g, w)
			}
		}
	}
}

func duplicates(rows map[string]api.EntityView) (sum int64) {
	for _, row := range rows {
		sum += row.Duplicates
	}
	return sum
}

func TestRealLogsAgreeWithGitLiveRebuiltAndSentTwice(t *testing.T) {
	for name, load := range map[string]func(testing.TB) dataset{"litestream": litestream, "karpenter": karpenter} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "karpenter" {
				t.Skip("the larger log is left out of -short")
			}
			d := load(t)
			p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: lanes})
			n := int64(len(d.lines))
			d.send(p, "/events")
			p.Settle(n)
			live := p.Rows("", lanes)
			d.judge(t, "live", live)

			d.send(p, "/events")
			p.Settle(2 * n)
			twice := p.Rows("", lanes)
			d.judge(t, "sent twice", twice)
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
			d.judge(t, "rebuilt", rebuilt)
			same(t, "rebuilt", rebuilt, twice)
		})
	}
}

func TestImportedLogSpansItsOwnYears(t *testing.T) {
	if testing.Short() {
		t.Skip("imports the larger log")
	}
	d := karpenter(t)
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: lanes})
	n := int64(len(d.lines))
	d.send(p, "/imports")
	p.Settle(n)
	live := p.Rows("", lanes)
	d.judge(t, "imported", live)

	got := p.Replay("whole", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Progress.Applied != n {
		t.Fatalf("rebuild: %+v, failure %+v", got, got.Failure)
	}
	same(t, "rebuilt", p.Rows("", lanes), live)
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

// history is the log of some entities as the API shows it.
func history(p *localtest.Platform, entity string) []api.HistoryEvent {
	var all []api.HistoryEvent
	after := ""
	for {
		page := localtest.Until(p, fmt.Sprintf("/entities/%s/events?limit=1000&after=%s", api.EncodeEntity(entity), after),
			func(api.HistoryPage) bool { return true })
		all = append(all, page.Events...)
		if after = page.Next; after == "" {
			return all
		}
	}
}

// delivered reads everything of a replay from the playback stream, as a
// subscriber does.
func delivered(t *testing.T, p *localtest.Platform, id string) map[string][]event.Position {
	t.Helper()
	codec, err := record.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	defer codec.Close()
	stream := p.Playback()
	shards, err := stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reached := make(map[event.Lane]int64)
	got := make(map[string][]event.Position)
	for _, shard := range shards {
		at, err := stream.Iterator(t.Context(), shard.ID, feed.Start{})
		if err != nil {
			t.Fatal(err)
		}
		for {
			batch, err := stream.Read(t.Context(), at, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range batch.Records {
				header, lines, err := codec.Unpack(r.Data)
				if err != nil {
					t.Fatal(err)
				}
				if header.Playback.Replay != id || header.Playback.To <= reached[header.Lane] {
					continue
				}
				if header.Playback.From > reached[header.Lane] {
					t.Errorf("lane %s: a gap before ordinal %d", header.Lane, header.Playback.From)
				}
				for _, placed := range lines[reached[header.Lane]-header.Playback.From:] {
					line, position, _, err := event.SplitPlaced(placed)
					if err != nil {
						t.Fatal(err)
					}
					e, err := event.Parse(string(line))
					if err != nil {
						t.Fatal(err)
					}
					got[e.Subject] = append(got[e.Subject], position)
				}
				reached[header.Lane] = header.Playback.To
			}
			if len(batch.Records) == 0 {
				break
			}
			at = batch.Next
		}
	}
	return got
}

func checkRange(t *testing.T, p *localtest.Platform, live map[string]api.EntityView) {
	from, to := time.Date(2022, 3, 10, 7, 30, 0, 0, time.UTC), time.Date(2022, 5, 2, 18, 0, 0, 0, time.UTC)
	got := p.Replay("spring", fmt.Sprintf(`{"from":%q,"to":%q,"types":["file.changed"]}`,
		from.Format(time.RFC3339), to.Format(time.RFC3339)))
	if got.Status != replay.Succeeded {
		t.Fatalf("replay: %+v", got)
	}
	took := delivered(t, p, "spring")
	want := int64(0)
	for entity := range live {
		var positions []event.Position
		for _, h := range history(p, entity) {
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

func checkEntities(t *testing.T, p *localtest.Platform, d dataset) {
	got := p.Replay("two-files", `{"entities":["go.mod","Makefile"]}`)
	if got.Status != replay.Succeeded {
		t.Fatalf("replay: %+v", got)
	}
	took := delivered(t, p, "two-files")
	var want int64
	for _, entity := range []string{"go.mod", "Makefile"} {
		var positions []event.Position
		for _, h := range history(p, entity) {
			positions = append(positions, h.Position)
		}
		want += int64(len(positions))
		if len(positions) < 200 || !slices.Equal(took[entity], positions) {
			t.Errorf("entity %s: delivered %d events, want %d", entity, len(took[entity]), len(positions))
		}
	}
	// Only their own buckets were read, and in those only they.
	if len(took) != 2 || got.Progress.Read != want || got.Progress.Delivered != want {
		t.Errorf("delivered %d entities, progress %+v, want %d events", len(took), got.Progress, want)
	}
}
