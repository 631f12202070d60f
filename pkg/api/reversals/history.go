package reversals

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/refold"
)

// The bounds of a history of which an event can be reversed. They are half of those within
// which an entity can be folded without an event, so that what is logged in between does
// not make a reversal fail that was accepted.
const (
	maxEvents  = projection.MaxRefoldEvents / 2
	maxBytes   = projection.MaxRefoldBytes / 2
	maxBuckets = projection.MaxRefoldBuckets / 2
)

// maxReversals bounds the events of an entity that are reversed without an inverse, and
// maxFolded the events that all of these reversals have folded again, also in every
// rebuild, verification and look into the past.
const (
	maxReversals = 100
	maxFolded    = 200_000
)

// beyond is a position after every other one, and end one after that.
const (
	beyond = event.Position("ffff-011-0000")
	end    = event.Position("ffff-011-0001")
)

// history is all events of an entity up to one moment, in memory.
type history struct {
	lane   event.Lane
	entity string
	events []projection.Placed
	// buckets are those in which the entity has events.
	buckets []eventlog.Bucket
	// first is the index of the first event with each identity.
	first map[event.Digest]int
}

// read reads an entity's events as far as the lane's head reaches now.
func (a *Reversals) read(ctx context.Context, entity string) (*history, error) {
	h := &history{lane: a.Lanes.Of(entity), entity: entity, first: make(map[event.Digest]int)}
	head, err := a.Heads.Load(ctx, h.lane)
	if err != nil {
		return nil, err
	}
	buckets, err := a.Buckets(ctx, h.lane, entity, head)
	if err != nil {
		return nil, err
	}
	if len(buckets) > maxBuckets {
		return nil, tooLong()
	}
	read, err := refold.Read(ctx, eventlog.View{Log: a.EventLog, Heads: a.Heads}, &refold.Part{
		Lane: h.lane, Entity: entity, Buckets: buckets, UpTo: head.Position, MaxEvents: maxEvents, MaxBytes: maxBytes})
	if _, undecodable := errors.AsType[*event.Invalid](err); undecodable {
		return nil, web.NewProblem(http.StatusConflict, "history-undecodable",
			"an event of the entity cannot be decoded, so it cannot be folded "+
				"again: reprise verify start --full says which")
	}
	if errors.Is(err, refold.ErrTooLong) {
		return nil, tooLong()
	}
	if err != nil {
		return nil, err
	}
	h.events, h.buckets = read.Events, buckets
	for i := range h.events {
		if id := h.events[i].Event.Identity(); !h.has(id) {
			h.first[id] = i
		}
	}
	return h, nil
}

func tooLong() error {
	return web.NewProblem(http.StatusUnprocessableEntity, "history-too-long", fmt.Sprintf(
		"the entity has more than %d events, %d MiB of them, or events in more than %d buckets, of which none can be "+
			"reversed: send an event that undoes it", maxEvents, maxBytes>>20, maxBuckets))
}

func (h *history) has(id event.Digest) bool {
	_, found := h.first[id]
	return found
}

// find returns the event that a request names.
func (h *history) find(q *Request) (*projection.Placed, error) {
	if len(h.events) == 0 {
		return nil, web.NewProblem(http.StatusNotFound, "entity-not-found",
			"the log has no event of this entity. An event accepted a moment ago may not be there yet: try again shortly")
	}
	for i := range h.events {
		p := &h.events[i]
		if q.Event == p.Position || (q.Event == "" && p.Event.Source == q.Source && p.Event.ID == q.ID) {
			return p, nil
		}
	}
	return nil, web.NewProblem(http.StatusNotFound, "event-not-found",
		"the log has no such event of this entity. An event accepted a moment ago may not be there yet: try again shortly")
}

// later calls visit for the corrections after an event that repeat nothing, until it
// returns false.
func (h *history) later(than event.Position, visit func(*projection.Placed) bool) {
	for i := range h.events {
		p := &h.events[i]
		if p.Position <= than || p.Event.Source != event.SourceCorrections || h.first[p.Event.Identity()] != i {
			continue
		}
		if !visit(p) {
			return
		}
	}
}

// reversedAt returns the position of the reversal of an event, "" if there is none.
func (h *history) reversedAt(p *projection.Placed) (at event.Position) {
	h.later(p.Position, func(later *projection.Placed) bool {
		if r, is := event.ReversalOf(&later.Event); is && r.Named() == p.Event.Identity() {
			at = later.Position
		}
		return at == ""
	})
	return at
}

// reversals counts those that have the entity folded again.
func (h *history) reversals() (n int) {
	h.later("", func(p *projection.Placed) bool {
		if r, is := event.ReversalOf(&p.Event); is && r.Inverse == nil {
			n++
		}
		return true
	})
	return n
}

// lastOf returns the position of the last reversal of an event, of that one's reversal,
// and so on.
func (h *history) lastOf(at event.Position) event.Position {
	for {
		i, _ := slices.BinarySearchFunc(h.events, at, func(p projection.Placed, at event.Position) int {
			switch {
			case p.Position < at:
				return -1
			case p.Position > at:
				return 1
			}
			return 0
		})
		next := h.reversedAt(&h.events[i])
		if next == "" {
			return at
		}
		at = next
	}
}

// fold returns what the events come to, with another one after them unless it is nil, and
// without some if leave says so.
func (h *history) fold(ctx context.Context, applier *projection.Applier, next *event.Event,
	leave func(*projection.Placed) bool,
) (datastore.Row, error) {
	seen := &history{entity: h.entity, events: slices.Clone(h.events)}
	if leave != nil {
		seen.events = slices.DeleteFunc(seen.events, func(p projection.Placed) bool { return leave(&p) })
	}
	if next != nil {
		bucket := h.buckets[len(h.buckets)-1]
		seen.events = append(seen.events, projection.Placed{Event: *next, Position: beyond, Bucket: bucket,
			Line: next.AppendJSON(nil)})
	}
	return applier.Over(seen).Whole(ctx, h.lane, h.entity, h.buckets, end)
}

// History implements projection.Histories.
func (h *history) History(_ context.Context, _ event.Lane, _ string, buckets []eventlog.Bucket,
	after, upTo event.Position, visit func(eventlog.Bucket, *eventlog.Entry) error,
) error {
	for i := range h.events {
		p := &h.events[i]
		if p.Position <= after || p.Position > upTo || !slices.Contains(buckets, p.Bucket) {
			continue
		}
		entry := eventlog.Entry{Entity: h.entity, Position: p.Position, Line: p.Line}
		if err := visit(p.Bucket, &entry); err != nil {
			return err
		}
	}
	return nil
}
