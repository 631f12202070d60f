// Package replay is the heart of the platform: it plans what a replay covers, reads
// the log in segments, delivers records to the playback stream, consumes them, and
// proves that nothing was left out.
//
// It contains a replay's documents (request, row, plan, checkpoints, marks) and its
// steps in order: Reader, Consumer, Drainer and Prover, on top of the
// contracts of the log, the feed, the Data Store and the control table. Package
// cutover makes a replay's generation the active one; package lifecycle starts,
// ends and shows replays. The package knows nothing of AWS, HTTP, prices, or the
// inputs of Lambdas. DESIGN.md explains the design.
package replay
