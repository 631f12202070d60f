package api

import (
	"log/slog"
	"net/http"

	"reprise/pkg/api/erasures"
	"reprise/pkg/api/extract"
	"reprise/pkg/api/generations"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/outgoing"
	"reprise/pkg/api/past"
	"reprise/pkg/api/reversals"
	"reprise/pkg/api/verifications"
	"reprise/pkg/api/web"
)

// Group is the permission that a route needs. On AWS each is a separate policy.
type Group string

// The groups.
const (
	// Produce allows sending events.
	Produce Group = "produce"
	// Operate allows importing, replaying and wiping.
	Operate Group = "operate"
	// Correct allows appending corrections to the log, and seeing the state of an entity
	// that a correction would change.
	Correct Group = "correct"
	// Erase allows erasing data subjects, for ever.
	Erase Group = "erase"
	// Audit allows reading everything but the past, and changing nothing.
	Audit Group = "audit"
	// Trace allows reading how entities came to their states, and auditing events of
	// all entities.
	Trace Group = "trace"
	// Approve allows having external systems called: sending approved effects, and
	// deciding on those that wait.
	Approve Group = "approve"
	// Export allows reading the log itself as a whole, to copy it elsewhere.
	Export Group = "export"
)

// Route is one route of the HTTP API.
type Route struct {
	// Pattern is the method and the path, such as "GET /entities/{id}".
	// http.ServeMux and API Gateway use the same form.
	Pattern string
	Group   Group
	// Function is the folder of the Lambda function that serves the route.
	Function string
	// serve is nil for the routes that an intake.Load serves.
	serve handler
}

// handler reads a request and acts on it. problemFor turns its errors into answers.
type handler func(*API, *http.Request) (web.Reply, error)

// plain makes a handler refuse all parameters.
func plain(serve handler) handler {
	return func(a *API, r *http.Request) (web.Reply, error) {
		if err := web.NewQuery(r).Err(); err != nil {
			return web.Reply{}, err
		}
		return serve(a, r)
	}
}

// ofVerifications is a handler of package verifications.
type ofVerifications func(*verifications.Verifications, *http.Request) (web.Reply, error)

// verified makes a handler of one of package verifications.
func verified(serve ofVerifications) handler {
	return func(a *API, r *http.Request) (web.Reply, error) { return serve(&a.Verifications, r) }
}

// changing makes a handler of one of package generations.
func changing(serve func(*generations.Generations, *http.Request) (web.Reply, error)) handler {
	return func(a *API, r *http.Request) (web.Reply, error) { return serve(&a.Changes, r) }
}

// looking makes a handler of one of package past.
func looking(serve func(*past.Past, *http.Request) (web.Reply, error)) handler {
	return func(a *API, r *http.Request) (web.Reply, error) { return serve(&a.Past, r) }
}

// sending makes a handler of one of package outgoing.
func sending(serve func(*outgoing.Outgoing, *http.Request) (web.Reply, error)) handler {
	return func(a *API, r *http.Request) (web.Reply, error) { return serve(&a.Outgoing, r) }
}

// reversing makes a handler of one of package reversals.
func reversing(serve func(*reversals.Reversals, *http.Request) (web.Reply, error)) handler {
	return func(a *API, r *http.Request) (web.Reply, error) { return serve(&a.Reversals, r) }
}

// extracting makes a handler of one of package extract.
func extracting(serve func(*extract.Extract, *http.Request) (web.Reply, error)) handler {
	return func(a *API, r *http.Request) (web.Reply, error) { return serve(&a.Extract, r) }
}

// erasing makes a handler of one of package erasures.
func erasing(serve func(*erasures.Erasures, *http.Request) (web.Reply, error)) handler {
	return func(a *API, r *http.Request) (web.Reply, error) { return serve(&a.Erasures, r) }
}

// revealing makes a handler whose answers have personal fields as they were sent, or
// marked as erased. All other answers, exports among them, have them sealed.
func revealing(serve handler) handler {
	return func(a *API, r *http.Request) (web.Reply, error) {
		reply, err := serve(a, r)
		if err != nil || a.Personal == nil {
			return reply, err
		}
		text, err := reply.Encode()
		if err != nil {
			return web.Reply{}, err
		}
		if text, err = a.Personal.Reveal(r.Context(), text); err != nil {
			if web.KnownFailure(err) != nil {
				return web.Reply{}, err
			}
			a.Log.LogAttrs(r.Context(), slog.LevelError, "personal fields not revealed",
				slog.String("error", err.Error()))
			return web.Reply{}, web.KeysUnavailable("try again later")
		}
		reply.Body = web.Verbatim(text)
		return reply, nil
	}
}

const serveAPI = "serve-api"

// Routes returns every route of the HTTP API. On AWS there are no others.
func Routes() []Route {
	return []Route{
		{intake.RouteEvents, Produce, "load-events", nil},
		{intake.RouteImports, Operate, "import-events", nil},
		{"POST /replays", Operate, serveAPI, plain((*API).startReplay)},
		{"POST /replays/{id}/cancel", Operate, serveAPI, plain((*API).cancelReplay)},
		{"POST /replays/{id}/pause", Operate, serveAPI, plain((*API).pauseReplay)},
		{"POST /replays/{id}/resume", Operate, serveAPI, plain((*API).resumeReplay)},
		{"POST /replays/{id}/rate", Operate, serveAPI, plain((*API).setRate)},
		{"POST /replays/{id}/budget", Operate, serveAPI, plain((*API).setBudget)},
		{"POST /replays/{id}/parallelism", Operate, serveAPI, plain((*API).setParallelism)},
		{"POST /replays/{id}/continue", Operate, serveAPI, plain((*API).continueReplay)},
		{"POST /generations/{id}/promote", Operate, serveAPI, plain(changing((*generations.Generations).Promote))},
		{"POST /generations/{id}/rollback", Operate, serveAPI, plain(changing((*generations.Generations).Rollback))},
		{"POST /generations/{id}/drop", Operate, serveAPI, plain(changing((*generations.Generations).Drop))},
		{"POST /state/wipe", Operate, serveAPI, plain((*API).wipe)},
		{"POST /entities/{id}/skip", Correct, serveAPI, plain((*API).Skip)},
		{"POST /entities/{id}/refold", Correct, serveAPI, plain((*API).Refold)},
		{"POST /entities/{id}/reverse", Correct, serveAPI,
			revealing(plain(reversing((*reversals.Reversals).Reverse)))},
		{"POST /erasures", Erase, serveAPI, plain(erasing((*erasures.Erasures).Erase))},
		{"GET /entities/{id}", Audit, serveAPI, revealing((*API).GetEntity)},
		{"GET /entities/{id}/events", Audit, serveAPI, revealing((*API).GetHistory)},
		{"GET /past/{id}/state", Trace, serveAPI, revealing(looking((*past.Past).GetState))},
		{"GET /past/{id}/explain", Trace, serveAPI, revealing(looking((*past.Past).Explain))},
		{"GET /past/{id}/diff", Trace, serveAPI, revealing(looking((*past.Past).Diff))},
		{"GET /audit", Trace, serveAPI, revealing(looking((*past.Past).Audit))},
		{"POST /touched", Audit, serveAPI, plain((*API).GetTouched)},
		{"GET /rows", Audit, serveAPI, revealing((*API).GetRows)},
		{"GET /parked", Audit, serveAPI, revealing((*API).GetParked)},
		{"GET /quarantine", Audit, serveAPI, (*API).GetQuarantine},
		{"GET /lanes", Audit, serveAPI, plain((*API).getLanes)},
		{"GET /status", Audit, serveAPI, plain((*API).getStatus)},
		{"GET /generations", Audit, serveAPI, plain((*API).getGenerations)},
		{"GET /generations/{id}/diff", Audit, serveAPI, revealing(changing((*generations.Generations).Diff))},
		{"GET /replays", Audit, serveAPI, (*API).listReplays},
		{"GET /replays/{id}", Audit, serveAPI, plain((*API).getReplay)},
		{"GET /replays/{id}/progress", Audit, serveAPI, plain((*API).getProgress)},
		{"GET /replays/{id}/execution", Audit, serveAPI, (*API).getExecution},
		{"POST /verifications", Operate, serveAPI, plain(verified((*verifications.Verifications).Begin))},
		{"POST /verifications/{id}/cancel", Operate, serveAPI, plain(verified((*verifications.Verifications).Cancel))},
		{"GET /verifications", Audit, serveAPI, verified((*verifications.Verifications).List)},
		{"GET /verifications/{id}", Audit, serveAPI, plain(verified((*verifications.Verifications).Get))},
		{"GET /verifications/{id}/differences", Audit, serveAPI,
			revealing(verified((*verifications.Verifications).Differences))},
		{"GET /effects/waiting", Audit, serveAPI, sending((*outgoing.Outgoing).GetWaiting)},
		{"GET /effects/{id}/calls", Trace, serveAPI, revealing(sending((*outgoing.Outgoing).GetCalls))},
		{"POST /effects/{id}/resume", Approve, serveAPI, plain(sending((*outgoing.Outgoing).Resume))},
		{"GET /comparisons/{id}", Trace, serveAPI, revealing(sending((*outgoing.Outgoing).GetDifferences))},
		{"POST /comparisons/{id}/approve", Approve, serveAPI, plain(sending((*outgoing.Outgoing).Approve))},
		{"GET /openapi.yaml", Audit, serveAPI, plain((*API).getDescription)},
		{"POST /plans", Audit, serveAPI, plain((*API).planReplay)},
		{"GET /input-schema", Audit, serveAPI, plain((*API).getInputSchema)},
		{"GET /log/cut", Export, serveAPI, plain(extracting((*extract.Extract).GetCut))},
		{"POST /log/pages", Export, serveAPI, plain(extracting((*extract.Extract).PostPage))},
	}
}

// New serves every route; only imports must have KeepTime set. The handler is
// safe for concurrent use, and answers unknown routes with a problem document of
// status 404.
func New(events, imports *intake.Load, a *API) http.Handler { return web.NewMux(events, imports, a) }

// NewLocal is New for a platform on one machine, which also serves LocalRoutes.
func NewLocal(events, imports *intake.Load, a *API, playback *Playback, live *Live) http.Handler {
	return web.NewMux(events, imports, a, playback, live)
}

// Handler serves every route except those of an intake.Load.
func (a *API) Handler() http.Handler { return web.NewMux(a) }

// AddTo adds the routes of a to a mux.
func (a *API) AddTo(mux *http.ServeMux) {
	for _, route := range Routes() {
		if route.serve == nil {
			continue
		}
		serve := func(r *http.Request) (web.Reply, error) { return route.serve(a, r) }
		mux.Handle(route.Pattern, web.Endpoint{Serve: serve, Log: a.Log})
	}
}
