package generations

import (
	"errors"
	"net/http"

	"reprise/pkg/api/web"
	"reprise/pkg/datastore"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// problem turns the errors of changes of generations into answers.
func problem(err error) error {
	switch {
	case errors.Is(err, datastore.ErrUnknown):
		return web.NewProblem(http.StatusNotFound, "generation-not-found",
			"there is no such generation, or not any more: GET /generations lists them all")
	case errors.Is(err, datastore.ErrActive):
		return web.NewProblem(http.StatusConflict, "generation-active", "the generation is the active one already")
	case errors.Is(err, datastore.ErrNotActive):
		return web.NewProblem(http.StatusConflict, "generation-not-active",
			"another generation is active: read GET /generations and decide again")
	case errors.Is(err, cutover.ErrNoPrevious):
		return web.NewProblem(http.StatusConflict, "no-previous-generation",
			"no generation is kept to go back to: GET /generations lists those that there are")
	case errors.Is(err, cutover.ErrBuilding):
		return web.NewProblem(http.StatusConflict, "generation-building",
			"the generation is still being built: wait for its replay, or cancel the replay to drop it")
	case errors.Is(err, cutover.ErrBusy):
		return web.NewProblem(http.StatusConflict, "generation-busy", "the generation's replay has not ended and decides "+
			"about it itself: wait for it, resume it, or cancel it")
	case errors.Is(err, datastore.ErrHeld):
		return web.NewProblem(http.StatusConflict, "promotion-running",
			"another promotion is under way: read GET /generations and decide again")
	}
	return unfit(err)
}

// unfit answers for a generation that may not become active, or not yet.
func unfit(err error) error {
	switch {
	case errors.Is(err, datastore.ErrLost):
		return web.NewProblem(http.StatusConflict, "generation-lost",
			"the generation lacks events and can never become active: a rebuild replaces it")
	case errors.Is(err, datastore.ErrThrowaway):
		return web.NewProblem(http.StatusConflict, "generation-throwaway", "the generation is the throwaway of a "+
			"verification: it never becomes active, and is dropped when the verification ends; cancel the verification "+
			"to drop it now, or start a rebuild to have one that can become active")
	case errors.Is(err, datastore.ErrWithdrawn):
		return web.NewProblem(http.StatusConflict, "generation-withdrawn",
			"the generation's replay was cancelled, so that it can never become active: start another rebuild")
	case errors.Is(err, cutover.ErrParked):
		return web.NewProblem(http.StatusConflict, "generation-parks", "the generation parks entities that the active one "+
			"does not: GET /parked?generation=ID lists them; with acceptParked it becomes active nevertheless")
	case errors.Is(err, replay.ErrOtherVersion):
		return web.NewProblem(http.StatusConflict, "other-version", "the generation belongs to another version of the "+
			"projections than the code that runs here, so that nothing would keep it up to date")
	case errors.Is(err, cutover.ErrBehind):
		p := web.NewProblem(http.StatusConflict, "generation-behind", "the generation has not caught up with the log: "+
			"GET /generations shows how far it is behind; try again once that is little")
		p.RetryAfter = web.RetrySeconds
		return p
	}
	return err
}
