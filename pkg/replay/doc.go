// Package replay is the heart of the platform: it plans what a replay covers,
// reads the log in segments, delivers records to the playback stream, takes
// them in on the other side, and proves that nothing was left out.
//
// What lives here, over the contracts of the log, the feed, the Data Store and the
// control table: a replay's documents (request, row, plan, checkpoints, marks) and
// its steps in their order, Planner, Reader, Consumer, Drainer and Prover. How its
// generation becomes the active one is in package cutover below, how a replay
// begins, ends and is shown in package lifecycle. What must not: AWS, HTTP, prices,
// or the shape of a Lambda's input. DESIGN.md beside this file tells why it is as it
// is.
package replay
