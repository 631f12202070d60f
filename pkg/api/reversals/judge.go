package reversals

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"reprise/pkg/api/past"
	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/projection"
	"reprise/pkg/projection/statediff"
)

// judge returns what a reversal would do, and the reversal.
func (a *Reversals) judge(ctx context.Context, entity string, q *Request) (made Reversing, e event.Event, err error) {
	h, err := a.read(ctx, entity)
	if err != nil {
		return made, e, err
	}
	named, before, err := a.find(ctx, h, q)
	if err != nil {
		return made, e, err
	}
	reversal := event.Reversal{Source: named.Event.Source, ID: named.Event.ID, Type: named.Event.Type,
		Position: named.Position, Reason: q.Reason, Who: q.Who}
	if reversal.Inverse, err = a.inverse(ctx, h, before.State, &named.Event); err != nil {
		return made, e, err
	}
	if e, err = a.event(entity, reversal, &named.Event); err != nil {
		return made, e, err
	}
	after, err := h.fold(ctx, a.Applier, &e, nil)
	if err == nil {
		err = fits(&before, &after)
	}
	if err != nil {
		return made, e, err
	}
	made = Reversing{
		Entity: entity, Lane: h.lane, Form: Without, Inverse: reversal.Inverse, ID: e.ID, Type: e.Type,
		Event:   Named{Position: named.Position, Source: reversal.Source, ID: reversal.ID, Type: reversal.Type},
		Version: a.Applier.Version(), Before: sideOf(&before), After: sideOf(&after),
		projection: after.Projection,
	}
	made.Changes, made.Changed = statediff.Diff(before.State, after.State, maxDifferences)
	if made.Changes == nil {
		made.Changes = []statediff.Change{}
	}
	if made.Inverse != nil {
		made.Form = ByInverse
		made.SameAsWithout, err = a.sameWithout(ctx, h, reversal, &named.Event, &after)
	}
	return made, e, err
}

// find returns the event that is to be reversed, if it can be, and what the entity is now.
func (a *Reversals) find(ctx context.Context, h *history, q *Request) (*projection.Placed, datastore.Row, error) {
	named, err := h.find(q)
	if err == nil {
		err = a.mayReverse(h, named)
	}
	if err != nil {
		return nil, datastore.Row{}, err
	}
	before, err := h.fold(ctx, a.Applier, nil, nil)
	if err == nil {
		err = a.applied(ctx, h, named, &before)
	}
	return named, before, err
}

func sideOf(row *datastore.Row) Side {
	side := Side{Count: row.Count, Parked: row.Parked}
	if len(row.State) > 0 {
		side.State = row.State
	}
	return side
}

// mayReverse refuses events that no reversal can be about.
func (a *Reversals) mayReverse(h *history, p *projection.Placed) error {
	first := h.events[h.first[p.Event.Identity()]].Position
	reversal, reverses := event.ReversalOf(&p.Event)
	kind := p.Event.Type
	if reversal.Inverse != nil {
		kind = reversal.Inverse.Type
	}
	switch {
	case first != p.Position:
		return web.NewProblem(http.StatusConflict, "event-duplicate",
			fmt.Sprintf("the event repeats the one at %s, so it was never applied: reverse "+
				"that one", first))
	case event.IsCorrection(&p.Event) && !reverses:
		return web.NewProblem(http.StatusConflict, "event-not-reversible",
			"the event is a correction, which only says how other events are folded; only "+
				"reversals can be reversed themselves")
	case (!reverses || reversal.Inverse != nil) && !a.Applier.Handles(kind):
		return web.NewProblem(http.StatusConflict, "event-not-applied",
			"no projection handles its type, so there is nothing to reverse")
	}
	at := h.reversedAt(p)
	if at == "" {
		return nil
	}
	last := h.lastOf(at)
	if last == at {
		return web.NewProblem(http.StatusConflict, "already-reversed",
			fmt.Sprintf("the event is reversed at %s: reverse that one to bring it back", at))
	}
	return web.NewProblem(http.StatusConflict, "already-reversed",
		fmt.Sprintf("the event was reversed at %s, and that was reversed in its turn: reverse "+
			"the last of these, at %s", at, last))
}

// applied refuses an event that waits, or was stepped over. A reversal without an inverse
// acts also while it waits.
func (a *Reversals) applied(ctx context.Context, h *history, p *projection.Placed, now *datastore.Row) error {
	reversal, reverses := event.ReversalOf(&p.Event)
	if reverses && reversal.Inverse == nil {
		return nil
	}
	if now.Parked != nil && p.Position >= now.Parked.Position {
		return web.NewProblem(http.StatusConflict, "entity-parked",
			fmt.Sprintf("the entity is parked at %s, so the event is not applied: see "+
				"reprise parked skip", now.Parked.Position))
	}
	skips := func(later *projection.Placed) bool {
		skip, is := event.SkipOf(&later.Event)
		return is && skip.Named() == p.Event.Identity()
	}
	skipped := false
	h.later(p.Position, func(later *projection.Placed) bool {
		skipped = skips(later)
		return !skipped
	})
	if !skipped {
		return nil
	}
	row, err := h.fold(ctx, a.Applier, nil, skips)
	if err == nil && row.Parked != nil && row.Parked.Position == p.Position {
		err = web.NewProblem(http.StatusConflict, "event-not-applied",
			"the event was rejected and stepped over, so there is nothing to reverse")
	}
	return err
}

// inverse asks the projections what undoes an event, nil if the entity has to be folded
// without it.
func (a *Reversals) inverse(ctx context.Context, h *history, state []byte, e *event.Event) (*event.Inverse, error) {
	of, declared := *e, true
	if reversal, reverses := event.ReversalOf(e); reverses {
		// What was left out comes back by leaving out what left it out.
		if declared = reversal.Inverse != nil; declared {
			of = reversal.Inverse.As(e)
		}
	}
	if declared {
		inverse, err := a.Applier.Reverse(ctx, state, &of)
		if err != nil {
			return nil, web.NewProblem(http.StatusConflict, "reversal-refused",
				"the projection cannot reverse the event: "+err.Error())
		}
		if inverse != nil {
			return inverse, nil
		}
	}
	if n := h.reversals() + 1; n > maxReversals || n*len(h.events) > maxFolded {
		return nil, web.NewProblem(http.StatusUnprocessableEntity, "too-many-reversals", fmt.Sprintf(
			"%d events of the entity are reversed by folding its %d events again, and each rebuild does that again for "+
				"each of them: send an event that undoes it", n-1, len(h.events)))
	}
	return nil, nil
}

// event makes the reversal, with the correlation of the event that is reversed.
func (a *Reversals) event(entity string, reversal event.Reversal, of *event.Event) (event.Event, error) {
	e, err := event.NewReversal(entity, reversal, a.Load.Now())
	if err != nil {
		return e, correction(err)
	}
	for _, x := range of.Extensions {
		if x.Name == past.CorrelationAttribute && json.Valid([]byte(x.Value)) {
			e.Extensions = append(e.Extensions, x) // sorts after actor and causationid
		}
	}
	return e, correction(e.Validate())
}

// fits refuses a reversal after which the entity would be parked.
func fits(before, after *datastore.Row) error {
	switch {
	case after.Parked == nil:
		return nil
	case before.Parked != nil:
		return web.NewProblem(http.StatusConflict, "entity-parked",
			fmt.Sprintf("the entity is parked at %s, and would be after the reversal: %s",
				before.Parked.Position, after.Parked.Reason))
	case after.Parked.Position == beyond:
		return web.NewProblem(http.StatusConflict, "reversal-refused",
			"the projection refuses what undoes the event: "+after.Parked.Reason)
	}
	return web.NewProblem(http.StatusConflict, "event-depended-on",
		fmt.Sprintf("a later event depends on it: without it, the projection refuses "+
			"the event at %s of type %s (%s): reverse that one first", after.Parked.Position, after.Parked.Type,
			after.Parked.Reason))
}

// sameWithout reports whether the entity would come to the same state without the event
// as with its inverse.
func (a *Reversals) sameWithout(ctx context.Context, h *history, reversal event.Reversal, of *event.Event,
	after *datastore.Row,
) (bool, error) {
	reversal.Inverse = nil
	e, err := a.event(h.entity, reversal, of)
	if err != nil {
		return false, err
	}
	without, err := h.fold(ctx, a.Applier, &e, nil)
	return err == nil && without.Parked == nil && bytes.Equal(without.State, after.State), err
}
