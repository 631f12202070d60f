// Package samples holds the projections and the service that come with the platform: the
// demonstration and the tests use them.
//
// What lives here: projections and a service that show how one is written, with the typed
// calls of each external system in a file of its own. What must not: anything of the
// user's, since upgrades change this folder. Their versions are never raised, so an upgrade
// asks nobody for a rebuild because of them.
package samples
