package outgoing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/effects"
	"reprise/pkg/effects/approval"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// Comparison is a page of what a replay would have sent otherwise.
type Comparison struct {
	Replay string `json:"replay"`
	// Complete is set once the replay has compared everything; before that nothing can be
	// approved.
	Complete bool `json:"complete"`
	// Counts counts the calls that were compared, by class.
	Counts map[effects.Class]int64 `json:"counts"`
	// Approvals are the approvals so far, the oldest first.
	Approvals []approval.Approval `json:"approvals"`
	// Differences are those of this page, in the order of lanes, entities and positions.
	Differences []effects.Entry `json:"differences"`
	Next        string          `json:"next,omitempty"`
}

// GetDifferences serves a page of a replay's comparison.
func (o *Outgoing) GetDifferences(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "after", "limit", "class")
	limit := q.Number("limit", defaultPage, 1, maxPage)
	class := effects.Class(q.Text("class"))
	within := ""
	lane := q.LanePlace("after", o.Lanes.Count(), func(place string) (ok bool) {
		within, ok = web.DecodeEntity(place)
		return ok
	})
	if err := errors.Join(q.Err(), o.ready()); err != nil {
		return web.Reply{}, err
	}
	row, err := o.compared(r.Context(), r.PathValue("id"))
	if err != nil {
		return web.Reply{}, err
	}
	o.looked(r, "differences", slog.String("replay", row.ID))
	page := Comparison{Replay: row.ID, Complete: complete(&row), Differences: []effects.Entry{}}
	if page.Counts, err = o.Reactor.Ledger.Counts(r.Context(), row.ID); err != nil {
		return web.Reply{}, err
	}
	if page.Approvals, err = o.Approvals.Of(r.Context(), row.ID); err != nil {
		return web.Reply{}, err
	}
	err = o.fill(r.Context(), &page, lane, within, class, min(limit, callsPage))
	return web.Answer(http.StatusOK, page), err
}

// fill reads differences lane by lane until the page is full. It looks at a bounded number
// of those that are not of the class.
func (o *Outgoing) fill(
	ctx context.Context, page *Comparison, lane event.Lane, after string, class effects.Class, limit int,
) error {
	const mostLooked = 2000
	for looked := 0; int(lane) < o.Lanes.Count(); {
		entries, next, err := o.Reactor.Ledger.Entries(ctx, page.Replay, lane, after, limit-len(page.Differences))
		if err != nil {
			return err
		}
		for i := range entries {
			if class == "" || entries[i].Class == class {
				page.Differences = append(page.Differences, entries[i])
			}
		}
		looked += len(entries)
		if after = next; next == "" {
			lane++
		}
		if len(page.Differences) == limit || looked >= mostLooked {
			if int(lane) < o.Lanes.Count() {
				page.Next = web.WriteLanePlace(lane, web.EncodeEntity(after))
			}
			return nil
		}
	}
	return nil
}

// compared returns the row of a replay that compares effects.
func (o *Outgoing) compared(ctx context.Context, id string) (replay.Row, error) {
	row, err := o.Replays.Load(ctx, id)
	if errors.Is(err, replay.ErrNotFound) {
		return row, web.NewProblem(http.StatusNotFound, "replay-not-found", "there is no such replay: GET /replays lists all")
	}
	if err == nil && row.Request.Effects != request.Diff {
		return row, web.NewProblem(http.StatusConflict, "effects-not-compared",
			"this replay does not compare effects: start one with rebuild and effects diff")
	}
	return row, err
}

// complete reports whether a replay has compared everything: it is proved that every event
// was taken in.
func complete(row *replay.Row) bool { return row.Proof != nil && row.Proof.Complete }

// ApproveRequest approves differences of a replay.
type ApproveRequest struct {
	Only   approval.Only `json:"only,omitzero"`
	Reason string        `json:"reason"`
	// Rate is corrections per second, 0 for the default.
	Rate int `json:"rate,omitempty"`
	// Who approves, "" if unknown.
	Who string `json:"who,omitempty"`
}

// Approve approves differences of a replay, which are then carried out.
func (o *Outgoing) Approve(r *http.Request) (web.Reply, error) {
	var asked ApproveRequest
	if err := web.DecodeBody(r, &asked); err != nil {
		return web.Reply{}, err
	}
	if err := o.ready(); err != nil {
		return web.Reply{}, err
	}
	row, err := o.compared(r.Context(), r.PathValue("id"))
	if err != nil {
		return web.Reply{}, err
	}
	if !complete(&row) {
		return web.Reply{}, web.NewProblem(http.StatusConflict, "comparison-incomplete",
			"this replay has not compared everything yet, or has failed: what it has found so far must not be sent")
	}
	made, err := o.Approvals.Approve(r.Context(), approval.Approval{
		Replay: row.ID, By: caller(r, asked.Who), Reason: asked.Reason, Only: asked.Only, Rate: asked.Rate})
	if err != nil {
		return web.Reply{}, problem(err)
	}
	o.Log.LogAttrs(r.Context(), slog.LevelWarn, "effects approved", slog.String("replay", row.ID),
		slog.Int("approval", made.Number), slog.String("who", made.By), slog.String("reason", made.Reason))
	if err := o.Wake(r.Context()); err != nil {
		return web.Reply{}, fmt.Errorf("have approved effects carried out: %w", err)
	}
	return web.Answer(http.StatusAccepted, made), nil
}
