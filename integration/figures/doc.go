// Package figures has the benchmarks of the whole platform, whose results are in
// integration/PERFORMANCE.md: how fast it ingests, replays and rebuilds, and how large its process
// gets. Run them with go test ./integration/figures -run '^$' -bench .
//
// What lives here: benchmarks over HTTP. What must not: those of one package.
package figures
