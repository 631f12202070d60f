package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/feed"
)

const (
	// tailRecords bounds the records of a page, tailBytes the size of its events at
	// which it ends.
	tailRecords = 64
	tailBytes   = 1 << 20
)

// routePlayback is served by a platform on one machine only. On AWS, subscribers read
// the Kinesis stream themselves.
const routePlayback = "GET /playback"

// LocalRoutes returns the routes that only a platform on one machine has.
func LocalRoutes() []Route {
	return []Route{{Pattern: routePlayback, Group: Audit}, {Pattern: routeLive, Group: Audit},
		{Pattern: routeSamples, Group: Audit}}
}

// Playback serves the playback stream in pages, so that a slow reader holds nothing
// between two requests. It is safe for concurrent use.
type Playback struct {
	Stream feed.Stream
	Codec  *record.Codec
	Now    func() time.Time
	Log    *slog.Logger
}

// PlaybackPage is a part of one shard of the playback stream.
type PlaybackPage struct {
	// Shards is the number of shards, each of which has its own pages.
	Shards int             `json:"shards"`
	Events []PlaybackEvent `json:"events"`
	// Records counts the records that the page was made from, those of other
	// replays included: 0 at the end of what there is so far.
	Records int `json:"records"`
	// Damaged counts the records that cannot be read.
	Damaged int `json:"damaged,omitempty"`
	// Next is the parameter after of the next page. There always is one.
	Next string `json:"next"`
}

// PlaybackEvent is an event with its place in a replay. Delivery is at least once: of
// each replay and lane, a subscriber drops what has an ordinal that it has seen.
type PlaybackEvent struct {
	Replay  string          `json:"replay"`
	Lane    event.Lane      `json:"lane"`
	Ordinal int64           `json:"ordinal"`
	Event   json.RawMessage `json:"event"`
}

// AddTo adds the route of p to a mux.
func (p *Playback) AddTo(mux *http.ServeMux) {
	mux.Handle(routePlayback, web.Endpoint{Serve: p.page, Log: p.Log})
}

func (p *Playback) page(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "shard", "after", "from", "replay")
	from, after := q.Text("from"), q.Text("after")
	if from != "" && from != "start" && from != "now" {
		q.Fail(web.BadParameter("from", "must be start or now"))
	}
	shards, err := p.Stream.Shards(r.Context())
	if err != nil {
		return web.Reply{}, fmt.Errorf("list shards of playback stream: %w", err)
	}
	shard := q.Number("shard", 0, 0, len(shards)-1)
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	at := feed.Iterator(after)
	if after == "" {
		start := feed.Start{}
		if from == "now" {
			start.At = p.Now()
		}
		if at, err = p.Stream.Iterator(r.Context(), shards[shard].ID, start); err != nil {
			return web.Reply{}, fmt.Errorf("find place in playback stream: %w", err)
		}
	}
	page := PlaybackPage{Shards: len(shards), Events: []PlaybackEvent{}, Next: string(at)}
	if err := p.fill(r, &page, q.Text("replay")); err != nil {
		return web.Reply{}, err
	}
	return web.Answer(http.StatusOK, page), nil
}

// fill reads record by record, so that a page holds little more than its bound.
func (p *Playback) fill(r *http.Request, page *PlaybackPage, replay string) error {
	for size := 0; page.Records < tailRecords && size < tailBytes; {
		batch, err := p.Stream.Read(r.Context(), feed.Iterator(page.Next), 1)
		if errors.Is(err, feed.ErrIteratorExpired) {
			return web.BadParameter("after", "is no place in the playback stream: leave it out to begin again")
		}
		if err != nil {
			return fmt.Errorf("read playback stream: %w", err)
		}
		page.Next = string(batch.Next)
		if len(batch.Records) == 0 {
			return nil
		}
		page.Records++
		size += p.add(page, batch.Records[0].Data, replay)
	}
	return nil
}

// add adds the events of a record if they belong to the replay; "" is any. It returns
// their size.
func (p *Playback) add(page *PlaybackPage, data []byte, replay string) int {
	header, lines, err := p.Codec.Unpack(data)
	if err != nil || header.Playback == nil || header.Playback.To-header.Playback.From != int64(len(lines)) {
		page.Damaged++
		return 0
	}
	if replay != "" && header.Playback.Replay != replay {
		return 0
	}
	size := 0
	for i, line := range lines {
		size += len(line)
		page.Events = append(page.Events, PlaybackEvent{
			Replay:  header.Playback.Replay,
			Lane:    header.Lane,
			Ordinal: header.Playback.From + int64(i),
			Event:   line,
		})
	}
	return size
}
