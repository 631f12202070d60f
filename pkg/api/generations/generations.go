package generations

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// patience is how long a request waits for a generation to catch up before it takes a
// hold. With the hold it stays well below the time limits of Lambda and API Gateway.
const patience = 8 * time.Second

// Chooser makes generations active; *cutover.Promoter does.
type Chooser interface {
	Choose(ctx context.Context, choice cutover.Choice, owner string, deadline time.Time) (cutover.Chosen, error)
}

// Dropper takes generations out of use; *lifecycle.Service does.
type Dropper interface {
	// DropGeneration errors: datastore.ErrUnknown, datastore.ErrActive,
	// cutover.ErrBuilding, cutover.ErrBusy.
	DropGeneration(ctx context.Context, id string) error
}

// Differ compares generations; *cutover.Comparer does.
type Differ interface {
	// Diff errors: datastore.ErrUnknown, datastore.ErrActive, datastore.ErrLost,
	// cutover.ErrBuilding.
	Diff(ctx context.Context, with, id string, entities int, deadline time.Time) (rowdiff.Report, error)
}

// Approver lets replays go on that ask whether to promote; *lifecycle.Service does.
type Approver interface {
	// Approve reports whether a replay asked. Errors: those of Chooser.
	Approve(ctx context.Context, choice cutover.Choice) (row replay.Row, asked bool, err error)
}

// Generations serves changes of generations. It is safe for concurrent use.
type Generations struct {
	Registry datastore.Registry
	Chooser  Chooser
	Differ   Differ
	Dropper  Dropper
	Approver Approver
	Random   io.Reader
	Now      func() time.Time
	Log      *slog.Logger
}

// Promote is the body of POST /generations/{id}/promote.
type Promote struct {
	// Instead is the generation that has to be active, "" for whichever is.
	Instead string `json:"instead,omitempty"`
	// AcceptParked promotes a generation even if it parks entities that the active one
	// does not.
	AcceptParked bool `json:"acceptParked,omitempty"`
}

// Rollback is the body of POST /generations/{id}/rollback.
type Rollback struct {
	// AcceptParked is like that of Promote.
	AcceptParked bool `json:"acceptParked,omitempty"`
}

// Promoted is the answer to a promotion and to a rollback.
type Promoted struct {
	// Active is the generation that readers see from now on, Previous the one that they
	// saw before.
	Active   string `json:"active"`
	Previous string `json:"previous"`
	// HeldMillis is how long the consumer of the formerly active generation was held.
	HeldMillis float64 `json:"heldMillis"`
}

// Approved is the answer to a promotion that a replay had asked for: the replay goes on, and
// makes the generation active.
type Approved struct {
	Generation string `json:"generation"`
	Replay     string `json:"replay"`
}

// Dropped is the generation that was dropped.
type Dropped struct {
	Generation string `json:"generation"`
}

// Promote serves POST /generations/{id}/promote. If the generation's replay asks whether to
// promote it, this is the approval.
func (g *Generations) Promote(r *http.Request) (web.Reply, error) {
	var body Promote
	if err := web.DecodeBody(r, &body); err != nil {
		return web.Reply{}, err
	}
	choice := cutover.Choice{Generation: r.PathValue("id"), Instead: body.Instead, AcceptParked: body.AcceptParked}
	row, asked, err := g.Approver.Approve(r.Context(), choice)
	if err != nil {
		return web.Reply{}, problem(err)
	}
	if asked {
		g.Log.LogAttrs(r.Context(), slog.LevelInfo, "promotion approved",
			slog.String("generation", choice.Generation), slog.String("replay", row.ID))
		return web.Answer(http.StatusAccepted, Approved{choice.Generation, row.ID}), nil
	}
	return g.choose(r, "generation promoted", choice)
}

// Rollback serves POST /generations/{id}/rollback, which names the generation to go back
// from: asked twice, it goes back once.
func (g *Generations) Rollback(r *http.Request) (web.Reply, error) {
	var body Rollback
	if err := web.DecodeBody(r, &body); err != nil {
		return web.Reply{}, err
	}
	from := r.PathValue("id")
	registered, err := g.Registry.Load(r.Context())
	if err != nil {
		return web.Reply{}, err
	}
	_, found := registered.Find(from)
	_, kept := registered.Find(registered.Previous)
	switch {
	case !found:
		return web.Reply{}, problem(datastore.ErrUnknown)
	case registered.Active != from:
		return web.Reply{}, problem(datastore.ErrNotActive)
	case !kept:
		return web.Reply{}, problem(cutover.ErrNoPrevious)
	}
	return g.choose(r, "generation rolled back", cutover.Choice{
		Generation:   registered.Previous,
		Instead:      from,
		AcceptParked: body.AcceptParked,
	})
}

// choose makes a generation active, and logs that.
func (g *Generations) choose(r *http.Request, done string, choice cutover.Choice) (web.Reply, error) {
	owner, err := g.owner()
	if err != nil {
		return web.Reply{}, err
	}
	chosen, err := g.Chooser.Choose(r.Context(), choice, owner, g.Now().Add(patience))
	if err != nil {
		return web.Reply{}, problem(err)
	}
	g.Log.LogAttrs(r.Context(), slog.LevelInfo, done, slog.String("generation", chosen.Active),
		slog.String("previous", chosen.Previous), slog.Duration("held", chosen.Held))
	return web.Answer(http.StatusOK, Promoted{
		Active:     chosen.Active,
		Previous:   chosen.Previous,
		HeldMillis: float64(chosen.Held.Microseconds()) / 1000,
	}), nil
}

// owner names a request as the owner of a hold. No replay has such a name.
func (g *Generations) owner() (string, error) {
	var random [8]byte
	if _, err := io.ReadFull(g.Random, random[:]); err != nil {
		return "", fmt.Errorf("name promotion: %w", err)
	}
	return "person." + hex.EncodeToString(random[:]), nil
}

const (
	// defaultCompared and maxCompared are how many entities are compared for a request, about.
	defaultCompared = 10_000
	maxCompared     = 1_000_000
	// comparing is how long a request compares.
	comparing = 15 * time.Second
)

// Diff serves GET /generations/{id}/diff: what would change for readers if a generation
// replaced another.
func (g *Generations) Diff(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "with", "entities")
	with, entities := q.Text("with"), q.Number("entities", defaultCompared, 1, maxCompared)
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	report, err := g.Differ.Diff(r.Context(), with, r.PathValue("id"), entities, g.Now().Add(comparing))
	if errors.Is(err, datastore.ErrActive) {
		return web.Reply{}, web.NewProblem(http.StatusConflict, "same-generation",
			"a generation is not compared with itself: name another one in the parameter with")
	}
	if err != nil {
		return web.Reply{}, problem(err)
	}
	return web.Answer(http.StatusOK, report), nil
}

// Drop serves POST /generations/{id}/drop.
func (g *Generations) Drop(r *http.Request) (web.Reply, error) {
	if err := web.NoBody(r); err != nil {
		return web.Reply{}, err
	}
	id := r.PathValue("id")
	if err := g.Dropper.DropGeneration(r.Context(), id); err != nil {
		return web.Reply{}, problem(err)
	}
	g.Log.LogAttrs(r.Context(), slog.LevelWarn, "generation dropped", slog.String("generation", id))
	return web.Answer(http.StatusOK, Dropped{id}), nil
}
