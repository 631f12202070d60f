package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/intake"
	"reprise/pkg/event/record"
	"reprise/pkg/feed"
)

// shelf is a stream of two shards, of which the second is empty. An iterator is an
// index.
type shelf struct {
	feed.Stream
	records [][]byte
}

func (s *shelf) Shards(context.Context) ([]feed.Shard, error) {
	return []feed.Shard{{ID: "0"}, {ID: "1"}}, nil
}

func (s *shelf) Iterator(_ context.Context, shard string, start feed.Start) (feed.Iterator, error) {
	if shard == "1" || !start.At.IsZero() {
		return feed.Iterator(strconv.Itoa(len(s.records))), nil
	}
	return "0", nil
}

func (s *shelf) Read(_ context.Context, from feed.Iterator, limit int) (feed.Batch, error) {
	at, err := strconv.Atoi(string(from))
	if err != nil {
		return feed.Batch{}, feed.ErrIteratorExpired
	}
	end := min(at+limit, len(s.records))
	batch := feed.Batch{Next: feed.Iterator(strconv.Itoa(end))}
	for _, data := range s.records[at:end] {
		batch.Records = append(batch.Records, feed.Record{Data: data})
	}
	return batch, nil
}

// playback serves a stream, and checks every answer against openapi.yaml.
func playback(t *testing.T, codec *record.Codec, stream feed.Stream, query string) (int, api.PlaybackPage) {
	t.Helper()
	p := &api.Playback{Stream: stream, Codec: codec, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	none := &intake.Load{Log: slog.New(slog.DiscardHandler)}
	api.NewLocal(none, &intake.Load{KeepTime: true}, &api.API{}, p, &api.Live{}).
		ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/playback?"+query, http.NoBody))
	checkResponse(t, "GET /playback", response{StatusCode: w.Code, Body: w.Body.String(),
		Headers: map[string]string{"Content-Type": w.Header().Get("Content-Type")}})
	var page api.PlaybackPage
	must(t, json.Unmarshal(w.Body.Bytes(), &page))
	return w.Code, page
}

// packed is a playback record of n events of a size.
func packed(t *testing.T, codec *record.Codec, replay string, from int64, n, size int) []byte {
	t.Helper()
	var lines [][]byte
	for i := range n {
		lines = append(lines, []byte(fmt.Sprintf(`{"n":%d,"pad":%q}`, from+int64(i), strings.Repeat("x", size))))
	}
	place := &record.Playback{Replay: replay, From: from, To: from + int64(n)}
	data, err := codec.Pack(record.Header{Lane: 3, Playback: place}, lines)
	must(t, err)
	return data
}

func TestPlaybackComesInPagesThatAreBounded(t *testing.T) {
	codec, err := record.NewCodec()
	must(t, err)
	defer codec.Close()
	stream := &shelf{}
	for i := range 10 {
		stream.records = append(stream.records, packed(t, codec, "large", int64(10*i), 10, 50<<10))
	}
	stream.records = append(stream.records, []byte("no record"), packed(t, codec, "other", 0, 2, 0))
	for i := range 200 {
		stream.records = append(stream.records, packed(t, codec, "large", 100+int64(i), 1, 0))
	}
	after, next, damaged, pages := "", int64(0), 0, 0
	for {
		status, page := playback(t, codec, stream, "replay=large&after="+after)
		if page.Records == 0 {
			break
		}
		size := 0
		for _, e := range page.Events {
			if e.Ordinal != next || e.Lane != 3 || e.Replay != "large" ||
				!strings.Contains(string(e.Event), fmt.Sprintf(`"n":%d,`, next)) {
				t.Fatalf("at %d: %+v", next, e)
			}
			next++
			size += len(e.Event)
		}
		if status != http.StatusOK || page.Shards != 2 || page.Records > 64 || size > 3<<19 {
			t.Errorf("status %d, %d records with %d bytes", status, page.Records, size)
		}
		damaged, after = damaged+page.Damaged, page.Next
		pages++
	}
	if next != 300 || damaged != 1 || pages < 7 {
		t.Errorf("%d events, %d damaged records, %d pages", next, damaged, pages)
	}
	if _, page := playback(t, codec, stream, "shard=0&from=now"); len(page.Events) != 0 || page.Next != "212" {
		t.Errorf("from now: %+v", page)
	}
	for _, query := range []string{"shard=2", "shard=-1", "after=nowhere", "from=then", "shards=1"} {
		if status, _ := playback(t, codec, stream, query); status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, status)
		}
	}
}
