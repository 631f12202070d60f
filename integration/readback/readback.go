package readback

import (
	"fmt"
	"testing"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/feed"
	"reprise/pkg/local/localtest"
)

// History reads an entity's whole history through the API.
func History(p *localtest.Client, entity string) []entities.HistoryEvent {
	var all []entities.HistoryEvent
	after := ""
	for {
		page := localtest.Until(p, fmt.Sprintf("/entities/%s/events?limit=1000&after=%s", web.EncodeEntity(entity), after),
			func(entities.HistoryPage) bool { return true })
		all = append(all, page.Events...)
		if after = page.Next; after == "" {
			return all
		}
	}
}

// Delivered reads all events of a replay from the playback stream, as a subscriber
// does, and returns the positions of each entity's events.
func Delivered(t *testing.T, p *localtest.Platform, id string) map[string][]event.Position {
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
