package intake

import (
	"context"
	"errors"
	"log/slog"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/personal"
)

// unsealed is an event with personal fields, and the place of its line.
type unsealed struct {
	event event.Event
	lane  *laneBatch
	line  int
}

// enter adds an event to the batch: its line, or what is to be sealed first.
func (h *Load) enter(batch *loadBatch, e *event.Event, millis int64) {
	lane := h.Lanes.Of(e.Subject)
	if !h.Personal.Declares(e.Type) {
		batch.addAt(lane, e, millis)
		return
	}
	l := batch.room(lane, e, millis)
	batch.personal = append(batch.personal, unsealed{event: *e, lane: l, line: len(l.lines)})
	l.lines = append(l.lines, nil)
}

// seal adds the lines of the events with personal fields. Nothing of the request is in the
// stream before.
func (h *Load) seal(ctx context.Context, batch *loadBatch) error {
	if len(batch.personal) == 0 {
		return nil
	}
	events := make([]*event.Event, len(batch.personal))
	for i := range batch.personal {
		events[i] = &batch.personal[i].event
	}
	if err := h.Personal.Seal(ctx, events, h.KeepTime); err != nil {
		return h.sealFailed(ctx, batch, err)
	}
	for i := range batch.personal {
		p := &batch.personal[i]
		p.lane.lines[p.line] = p.event.AppendJSON(nil)
	}
	return nil
}

func (h *Load) sealFailed(ctx context.Context, batch *loadBatch, err error) error {
	var bad *personal.Unsealable
	if errors.As(err, &bad) {
		at := &batch.personal[bad.Index]
		return invalidEvent(at.lane.indexes[at.line], bad.Err)
	}
	h.Log.LogAttrs(ctx, slog.LevelError, "personal fields not sealed", slog.String("error", err.Error()))
	if known := web.KnownFailure(err); known != nil {
		return known
	}
	return web.KeysUnavailable("nothing of this request was accepted: send it again later")
}
