// Package segment reads a planned replay: each Reader takes a group of lanes through its
// time slices, delivers the events as records to the playback stream, and stores a
// checkpoint behind every record, so that the next Reader goes on from there.
//
// It contains what a Reader does with one lane (lane.go reads pages, delivery.go puts
// records), when it stops (watch.go), and how it is described in the console of the
// state machine (text.go, reading.go). The documents that it reads and writes belong to
// package replay. How fast it may be is decided by package pace, and what it may cost by
// package budget.
package segment
