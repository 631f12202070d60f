// Package figures contains the benchmarks of the whole platform, over HTTP: how fast
// it ingests, replays and rebuilds, and how large its process becomes. The results are
// in integration/PERFORMANCE.md. Run them with
// go test ./integration/figures -run '^$' -bench .
package figures
