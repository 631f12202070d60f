// Package replay is the heart of the platform: it plans what a replay covers,
// reads the log in segments, delivers records to the playback stream, takes
// them in on the other side, and proves that nothing was left out.
//
// What lives here: requests, plans, readers, checkpoints, marks, the drain, the
// proof and the cut-over, over the contracts of the log, the feed, the Data
// Store and the control table. What must not: AWS, HTTP, or the shape of a
// Lambda's input. DESIGN.md beside this file tells why it is as it is.
package replay
