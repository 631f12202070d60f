// Package replay is the heart of the platform: the documents of a replay, what its
// consumer folds in, and the proof that nothing was left out.
//
// It contains a replay's documents (row, plan, checkpoints, marks) and three of its steps:
// Consumer, Drainer and Prover, on top of the contracts of the log, the feed, the Data
// Store and the control table. The steps before are in package planning, which fixes what
// is covered, and in package segment, which reads and delivers it. Package cutover makes a
// replay's generation the active one; package lifecycle starts, ends and shows replays.
// The package knows nothing of AWS, HTTP, prices, or the inputs of Lambdas. DESIGN.md
// explains the design.
package replay
