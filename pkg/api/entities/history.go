package entities

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

const (
	defaultHistory = 1000
	maxHistory     = 10_000
	// historyRead is how many events are read from the log at a time.
	historyRead = 500
)

// HistoryPage is a part of an entity's history, oldest first.
type HistoryPage struct {
	Entity string         `json:"entity"`
	Lane   event.Lane     `json:"lane"`
	Events []HistoryEvent `json:"events"`
	// Next is the parameter after of the next page, absent on the last.
	Next string `json:"next,omitempty"`
}

// HistoryEvent is an event at its place in the log.
type HistoryEvent struct {
	Position event.Position `json:"position"`
	Logged   time.Time      `json:"logged"`
	// Duplicate is set if an earlier event of the entity, however old, has the
	// same source and id.
	Duplicate bool            `json:"duplicate"`
	Event     json.RawMessage `json:"event"`
}

// place is where a page of history ends: a bucket and a position in it.
type place struct {
	bucket   eventlog.Bucket
	position event.Position
}

func (p place) String() string { return string(p.bucket) + "_" + string(p.position) }

func historyPlace(q *web.Query, name string) place {
	text := q.Text(name)
	if text == "" {
		return place{}
	}
	bucket, position, _ := strings.Cut(text, "_")
	p := place{eventlog.Bucket(bucket), event.Position(position)}
	_, _, err := eventlog.Hour.Range(p.bucket)
	if err == nil {
		_, err = event.ParsePosition(position)
	}
	if err != nil {
		q.Fail(web.BadParameter(name, "must be the next of an earlier page"))
	}
	return p
}

// GetHistory reads the log, not the Data Store, so it works while the active
// generation is lost. To find duplicates, a page costs reading the entity's
// history up to the page's end; memory is bounded by the page.
func (a *Entities) GetHistory(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	q := web.NewQuery(r, "after", "limit")
	after, limit := historyPlace(q, "after"), q.Number("limit", defaultHistory, 1, maxHistory)
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	lane := a.Lanes.Of(entity)
	h := &historyReader{
		entities: a,
		entity:   entity,
		lane:     lane,
		after:    after,
		limit:    limit,
		page:     HistoryPage{Entity: entity, Lane: lane, Events: []HistoryEvent{}},
	}
	if err := h.read(r.Context()); err != nil {
		return web.Reply{}, err
	}
	if len(h.page.Events) == 0 && after == (place{}) {
		return web.Reply{}, web.NewProblem(http.StatusNotFound, "entity-not-found",
			"the log has no event of this entity. An event accepted a moment ago may not be there yet: try again shortly")
	}
	return web.Answer(http.StatusOK, h.page), nil
}

// historyReader reads one page.
type historyReader struct {
	entities *Entities
	entity   string
	lane     event.Lane
	after    place
	limit    int

	head  eventlog.Head
	page  HistoryPage
	bytes int
	last  place
	// first maps an identity to the index of its first event on the page.
	first map[event.Digest]int
}

func (a *Entities) log() eventlog.View { return eventlog.View{Log: a.EventLog, Heads: a.Heads} }

func (h *historyReader) read(ctx context.Context) (err error) {
	if h.head, err = h.entities.Heads.Load(ctx, h.lane); err != nil {
		return err
	}
	buckets, err := h.entities.Buckets(ctx, h.lane, h.entity, h.head)
	if err != nil {
		return err
	}
	manifests, err := h.entities.Heads.ManifestsOf(ctx, h.lane, h.head, buckets)
	if err != nil {
		return err
	}
	h.first = make(map[event.Digest]int)
	more := false
	for _, bucket := range buckets {
		m, found := manifests[bucket]
		if bucket < h.after.bucket || !found {
			continue
		}
		if more, err = h.readBucket(ctx, bucket, &m); err != nil {
			return fmt.Errorf("read history of an entity: %w", err)
		}
		if more {
			h.page.Next = h.last.String()
			break
		}
	}
	return h.markEarlier(ctx, buckets)
}

// readBucket adds the bucket's events to the page, and reports whether the page
// is full and there are more.
func (h *historyReader) readBucket(
	ctx context.Context, bucket eventlog.Bucket, m *eventlog.Manifest,
) (full bool, err error) {
	after := ""
	if bucket == h.after.bucket {
		after = event.SortKey(h.entity, h.after.position)
	}
	for {
		read, err := h.entities.log().Entity(ctx, h.lane, &h.head, bucket, m, h.entity, after, historyRead)
		if err != nil {
			return false, err
		}
		for i := range read.Entries {
			entry := &read.Entries[i]
			if len(h.page.Events) == h.limit || h.bytes >= web.MaxPageBytes {
				return true, nil
			}
			if err := h.add(bucket, entry); err != nil {
				return false, err
			}
		}
		if read.Next == "" {
			return false, nil
		}
		after = read.Next
	}
}

func (h *historyReader) add(bucket eventlog.Bucket, entry *eventlog.Entry) error {
	id, err := identityOf(entry)
	if err != nil {
		return err
	}
	_, duplicate := h.first[id]
	if !duplicate {
		h.first[id] = len(h.page.Events)
	}
	h.page.Events = append(h.page.Events, HistoryEvent{
		Position:  entry.Position,
		Logged:    time.UnixMilli(entry.Logged).UTC(),
		Duplicate: duplicate,
		Event:     entry.Line,
	})
	h.bytes += len(entry.Line)
	h.last = place{bucket, entry.Position}
	return nil
}

// markEarlier marks the page's duplicates of events on earlier pages.
func (h *historyReader) markEarlier(ctx context.Context, buckets []eventlog.Bucket) error {
	if h.after.position == "" || len(h.first) == 0 {
		return nil
	}
	err := h.entities.log().History(ctx, h.lane, h.entity, buckets, "", h.after.position,
		func(_ eventlog.Bucket, entry *eventlog.Entry) error {
			id, err := identityOf(entry)
			if err != nil {
				return err
			}
			if at, found := h.first[id]; found {
				h.page.Events[at].Duplicate = true
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("look for duplicates: %w", err)
	}
	return nil
}

func identityOf(entry *eventlog.Entry) (event.Digest, error) {
	e, err := event.Parse(string(entry.Line))
	if err != nil {
		return event.Digest{}, fmt.Errorf("parse event at %s: %w", entry.Position, err)
	}
	return e.Identity(), nil
}
