package api

// Group is the permission that a route needs. On AWS each is a policy of its
// own.
type Group string

// The groups.
const (
	// Produce: to send events.
	Produce Group = "produce"
	// Operate: to import, replay and wipe.
	Operate Group = "operate"
	// Audit: to read, whatever there is, and change nothing.
	Audit Group = "audit"
)

// Route is one route of the HTTP API.
type Route struct {
	// Key is the method and the path, as an HTTP API names a route:
	// "GET /entities/{id}".
	Key   string
	Group Group
}

// The routes that are served by a Load, the second one's with KeepTime set. An
// API serves the others.
const (
	RouteEvents  = "POST /events"
	RouteImports = "POST /imports"
)

const (
	routeEntity       = "GET /entities/{id}"
	routeHistory      = "GET /entities/{id}/events"
	routeRows         = "GET /rows"
	routeLanes        = "GET /lanes"
	routeStatus       = "GET /status"
	routeGenerations  = "GET /generations"
	routeReplays      = "GET /replays"
	routeReplay       = "GET /replays/{id}"
	routeStartReplay  = "POST /replays"
	routeCancelReplay = "POST /replays/{id}/cancel"
	routeWipe         = "POST /state/wipe"
)

// Routes returns every route of the HTTP API. There are no others.
func Routes() []Route {
	return []Route{
		{RouteEvents, Produce},
		{RouteImports, Operate},
		{routeStartReplay, Operate},
		{routeCancelReplay, Operate},
		{routeWipe, Operate},
		{routeEntity, Audit},
		{routeHistory, Audit},
		{routeRows, Audit},
		{routeLanes, Audit},
		{routeStatus, Audit},
		{routeGenerations, Audit},
		{routeReplays, Audit},
		{routeReplay, Audit},
	}
}
