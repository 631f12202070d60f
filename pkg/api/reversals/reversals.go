package reversals

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"reprise/pkg/api/intake"
	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/effects"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/projection/statediff"
	"reprise/pkg/replay"
)

// Reversals serves the route that reverses events. It is safe for concurrent use.
type Reversals struct {
	Registry datastore.Registry
	Heads    eventlog.Heads
	EventLog eventlog.Log
	Lanes    *event.Lanes
	Buckets  replay.EntityBuckets
	// Applier folds; its version is the version of the code that every answer names.
	Applier *projection.Applier
	// Load puts corrections into the event stream.
	Load *intake.Load
	// Reactor is nil without business logic that has effects.
	Reactor *effects.Reactor
	// Log receives every reversal that is accepted, and who has looked what would follow.
	Log *slog.Logger
}

// Request asks to reverse an event, which is named either by its position, or by its
// source and id.
type Request struct {
	Event  event.Position `json:"event,omitempty"`
	Source string         `json:"source,omitempty"`
	ID     string         `json:"id,omitempty"`
	// Reason is why, in 1 to event.MaxReasonBytes bytes, which the log keeps.
	Reason string `json:"reason"`
	// Who asks; "" for who made the request, as far as the platform knows.
	Who string `json:"who,omitempty"`
	// DryRun asks what would follow, and appends nothing.
	DryRun bool `json:"dryRun,omitempty"`
}

// Form is how an event is reversed.
type Form string

// The forms.
const (
	// ByInverse: an event that undoes it is applied.
	ByInverse Form = "inverse"
	// Without: the entity is folded again without it.
	Without Form = "without"
)

// Reversing is a reversal that was accepted, or what would follow from one.
type Reversing struct {
	Entity string     `json:"entity"`
	Lane   event.Lane `json:"lane"`
	// DryRun is set if nothing was appended.
	DryRun bool `json:"dryRun,omitempty"`
	// Event is what is reversed.
	Event Named `json:"event"`
	// Form is how, and Inverse what undoes the event, if the form is ByInverse.
	Form    Form           `json:"form"`
	Inverse *event.Inverse `json:"inverse,omitempty"`
	// SameAsWithout is set with an inverse if the entity, folded without the event, would
	// come to the same state.
	SameAsWithout bool `json:"sameAsWithout,omitempty"`
	// ID and Type are those of the reversal, and Position its place in the log, absent if
	// nothing was appended.
	ID       string         `json:"id"`
	Type     string         `json:"type"`
	Position event.Position `json:"position,omitempty"`
	// Before is the entity as the log has it now, and After with the reversal, both folded
	// by Version of the set of projections.
	Version string `json:"version"`
	Before  Side   `json:"before"`
	After   Side   `json:"after"`
	// Changes are the fields that differ, at most 1,000 of them, and Changed is how many
	// there are.
	Changes []statediff.Change `json:"changes"`
	Changed int                `json:"changed"`
	// Effects are what follows outside, nil without business logic that has effects.
	Effects *Effects `json:"effects,omitempty"`
	// projection is that of the entity.
	projection string
}

// Named is the event that is reversed.
type Named struct {
	Position event.Position `json:"position"`
	Source   string         `json:"source"`
	ID       string         `json:"id"`
	Type     string         `json:"type"`
}

// Side is an entity before or after a reversal.
type Side struct {
	// State is null if no event is applied.
	State json.RawMessage `json:"state"`
	// Count is the number of events applied.
	Count  int64             `json:"count"`
	Parked *datastore.Parked `json:"parked"`
}

const maxDifferences = 1000

// Reverse appends a reversal to the log, or tells what would follow from it. It refuses
// what would have no effect, and what would park the entity. What a reversal does is
// decided by the log alone, at its own position there.
func (a *Reversals) Reverse(r *http.Request) (web.Reply, error) {
	entity, err := web.PathEntity(r)
	if err != nil {
		return web.Reply{}, err
	}
	var request Request
	if err := web.DecodeBody(r, &request); err != nil {
		return web.Reply{}, err
	}
	if who := web.Caller(r.Context()); request.Who == "" && len(who) <= event.MaxWhoBytes {
		request.Who = who
	}
	if err := request.check(entity, a); err != nil {
		return web.Reply{}, err
	}
	if err := a.sameVersion(r.Context()); err != nil {
		return web.Reply{}, err
	}
	made, e, err := a.judge(r.Context(), entity, &request)
	if err != nil {
		return web.Reply{}, err
	}
	if err := a.foresee(r.Context(), &made, &e); err != nil {
		return web.Reply{}, err
	}
	if request.DryRun {
		made.DryRun = true
		a.Log.LogAttrs(r.Context(), slog.LevelInfo, "reversal previewed", slog.String("who", callerOf(r)),
			slog.String("lane", made.Lane.String()), slog.String("event", string(made.Event.Position)))
		return web.Answer(http.StatusOK, made), nil
	}
	if made.Position, err = a.Load.Append(r.Context(), made.Lane, &e); err != nil {
		return web.Reply{}, err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelWarn, "reversal accepted", slog.String("lane", made.Lane.String()),
		slog.String("event", string(made.Event.Position)), slog.String("position", string(made.Position)))
	return web.Answer(http.StatusAccepted, made), nil
}

// callerOf is who made a request, as far as the platform knows: a preview shows states.
func callerOf(r *http.Request) string { return cmp.Or(web.Caller(r.Context()), "unknown") }

// check refuses a request that can be told to be wrong without reading anything.
func (q *Request) check(entity string, a *Reversals) error {
	example := event.Reversal{Source: "-", ID: "-", Type: "-", Position: q.Event, Reason: q.Reason, Who: q.Who}
	switch {
	case (q.Event == "") == (q.Source == "" && q.ID == ""):
		return wrong("name the event either by event, its position, or by source and id")
	case q.Event == "" && (q.Source == "" || q.ID == ""):
		return wrong("source and id name an event only together")
	case q.Event == "":
		example.Position = beyond
	}
	_, err := event.NewReversal(entity, example, a.Load.Now())
	return correction(err)
}

func wrong(text string) error {
	return web.NewProblem(http.StatusBadRequest, "invalid-correction", text)
}

// correction makes a problem of a correction that cannot be made.
func correction(err error) error {
	var invalid *event.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	return wrong(err.Error())
}

// sameVersion refuses what other code than this would carry out.
func (a *Reversals) sameVersion(ctx context.Context) error {
	registry, err := a.Registry.Load(ctx)
	if err != nil {
		return err
	}
	active, found := registry.Find(registry.Active)
	if found && active.Version != a.Applier.Version() {
		return web.NewProblem(http.StatusConflict, "other-version",
			"the active generation was built with other projections ("+active.Version+"): "+
				"make a rebuild active first, with reprise replay start --rebuild --promote")
	}
	return nil
}
