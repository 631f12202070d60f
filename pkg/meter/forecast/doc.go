// Package forecast says what a replay will read, how long it will take and what it
// will cost, from the manifests of the log and the replays before it, without
// starting anything.
package forecast
