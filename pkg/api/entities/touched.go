package entities

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/request"
)

// The bounds of a page keep what one request costs within a few seconds.
const (
	// maxTouchedBytes bounds the bytes of the log that a page reads, and touchedRead those
	// of a read.
	maxTouchedBytes = 8 << 20
	touchedRead     = 1000
	// maxTouchedReads bounds the reads of the log and of its heads.
	maxTouchedReads = 128
	// maxTouched is the number of entities after which a page ends.
	maxTouched = 1000
)

// TouchedRequest asks which entities have events that a selection selects.
type TouchedRequest struct {
	// Input has the members of a replay's input that select events: from, to, types,
	// entities, prefixes and attribute, with the same meaning.
	Input json.RawMessage `json:"input"`
	// After is the next of an earlier page.
	After string `json:"after,omitempty"`
}

// TouchedPage is a part of the entities that a selection touches, lane by lane. An entity
// may be on several pages of its lane.
type TouchedPage struct {
	Entities []string `json:"entities"`
	// Lane is the lane in which the page ends, of Lanes.
	Lane  event.Lane `json:"lane"`
	Lanes int        `json:"lanes"`
	// Events and Bytes count what was read of the log for the page.
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
	// Next is the member after of the next page, absent on the last. A page that has a
	// next one may be empty.
	Next string `json:"next,omitempty"`
}

// GetTouched serves a page of the entities that have at least one selected event in the
// log.
func (a *Entities) GetTouched(r *http.Request) (web.Reply, error) {
	var asked TouchedRequest
	if err := web.DecodeBody(r, &asked); err != nil {
		return web.Reply{}, err
	}
	input, err := selecting(asked.Input)
	if err != nil {
		return web.Reply{}, err
	}
	t := &touching{entities: a, input: input, selection: input.Selection(), page: TouchedPage{
		Entities: []string{}, Lanes: a.Lanes.Count()}}
	at, ok := touchedPlaceOf(asked.After)
	if !ok || int(at.lane) >= a.Lanes.Count() {
		return web.Reply{}, web.NewProblem(http.StatusBadRequest, "invalid-parameter",
			"after must be the next of an earlier page")
	}
	read := t.lanes
	if len(input.Entities) > 0 && len(input.Prefixes) == 0 {
		read = t.named
	}
	if err := read(r.Context(), at); err != nil {
		return web.Reply{}, fmt.Errorf("find entities of events: %w", err)
	}
	return web.Answer(http.StatusOK, t.page), nil
}

// selecting reads the input, of which only members that select events may be given.
func selecting(raw json.RawMessage) (request.Request, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return request.Request{}, web.NewProblem(http.StatusBadRequest, "invalid-replay",
			"input is required: send {} for every entity of the log")
	}
	input, err := request.Parse(raw)
	if err != nil {
		return request.Request{}, err
	}
	only, err := request.Request{From: input.From, To: input.To, Types: input.Types, Entities: input.Entities,
		Prefixes: input.Prefixes, Attribute: input.Attribute}.Normalized()
	if err != nil || !only.Same(input) {
		return request.Request{}, web.NewProblem(http.StatusBadRequest, "invalid-replay",
			"only from, to, types, entities, prefixes and attribute select entities")
	}
	return input, nil
}

// touchedPlace is where a page begins: after a key of a bucket of a lane. With named
// entities, key is the last of them that was looked at.
type touchedPlace struct {
	lane   event.Lane
	bucket eventlog.Bucket
	key    string
}

func (p touchedPlace) String() string {
	return fmt.Sprintf("%d_%s_%s", p.lane, p.bucket, base64.RawURLEncoding.EncodeToString([]byte(p.key)))
}

func touchedPlaceOf(text string) (p touchedPlace, ok bool) {
	if text == "" {
		return p, true
	}
	parts := strings.SplitN(text, "_", 3)
	if len(parts) != 3 {
		return p, false
	}
	lane, err := strconv.ParseUint(parts[0], 10, 15)
	key, bad := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if _, _, unknown := eventlog.Hour.Range(eventlog.Bucket(parts[1])); parts[1] != "" && unknown != nil {
		return p, false
	}
	p = touchedPlace{event.Lane(lane), eventlog.Bucket(parts[1]), string(key)}
	return p, err == nil && bad == nil && p.String() == text
}

// touching makes a page.
type touching struct {
	entities  *Entities
	input     request.Request
	selection request.Selection
	page      TouchedPage
	reads     int
}

func (t *touching) full() bool {
	return t.page.Bytes >= maxTouchedBytes || t.reads >= maxTouchedReads || len(t.page.Entities) >= maxTouched
}

func (t *touching) end(at touchedPlace) { t.page.Next = at.String() }

// lanes reads the log lane by lane, and each lane bucket by bucket.
func (t *touching) lanes(ctx context.Context, at touchedPlace) error {
	for ; int(at.lane) < t.page.Lanes && t.page.Next == ""; at = (touchedPlace{lane: at.lane + 1}) {
		t.page.Lane = at.lane
		if t.full() {
			t.end(at)
			return nil
		}
		if err := t.lane(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

func (t *touching) lane(ctx context.Context, at touchedPlace) error {
	t.reads++
	head, err := t.entities.Heads.Load(ctx, at.lane)
	if err != nil {
		return err
	}
	// Each bucket takes a read, so the page is full at the last of these.
	enough, most := errors.New("enough"), max(0, maxTouchedReads-t.reads)+1
	var buckets []eventlog.ClosedManifest
	from, to := t.within()
	err = t.entities.Heads.Manifests(ctx, at.lane, head, max(from, at.bucket), to,
		func(b eventlog.Bucket, m eventlog.Manifest) error {
			if len(buckets) == most {
				return enough
			}
			buckets = append(buckets, eventlog.ClosedManifest{Bucket: b, Manifest: m})
			return nil
		})
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	for i := range buckets {
		b := &buckets[i]
		if b.Bucket != at.bucket {
			at.bucket, at.key = b.Bucket, ""
		}
		if err := t.bucket(ctx, at, &head, &b.Manifest); err != nil || t.page.Next != "" {
			return err
		}
	}
	return nil
}

// bucket reads a bucket in the order of its keys, in which an entity's events lie side by
// side.
func (t *touching) bucket(ctx context.Context, at touchedPlace, head *eventlog.Head, m *eventlog.Manifest) error {
	if t.full() {
		t.end(at)
		return nil
	}
	roster, err := t.entities.Heads.Roster(ctx, at.lane, head, m)
	if err != nil {
		return err
	}
	fresh := at.bucket == head.Bucket
	for {
		t.reads++
		limit := eventlog.PageLimit{Entries: touchedRead}
		page, err := t.entities.EventLog.Read(ctx, at.lane, at.bucket, at.key, limit, fresh)
		if err != nil {
			return fmt.Errorf("read bucket %s: %w", at.bucket, err)
		}
		for i := range page.Entries {
			if e := &page.Entries[i]; roster.Has(e.Position) {
				if err := t.take(e); err != nil {
					return err
				}
			}
		}
		if at.key = page.Next; at.key == "" {
			return nil
		}
		if t.full() {
			t.end(at)
			return nil
		}
	}
}

func (t *touching) take(e *eventlog.Entry) error {
	t.page.Events++
	t.page.Bytes += int64(len(e.Line))
	if n := len(t.page.Entities); n > 0 && t.page.Entities[n-1] == e.Entity {
		return nil
	}
	wanted, err := t.selection.Wants(e.Entity, e.Logged, e.Line)
	if err == nil && wanted {
		t.page.Entities = append(t.page.Entities, e.Entity)
	}
	return err
}

// within are the buckets, of a day or an hour, in which selected events may lie.
func (t *touching) within() (from, to eventlog.Bucket) {
	if t.input.From != nil {
		from = eventlog.Day.Of(t.input.From.UnixMilli())
	}
	if t.input.To != nil {
		to = eventlog.Hour.Of(t.input.To.UnixMilli() + time.Hour.Milliseconds())
	}
	return from, to
}
