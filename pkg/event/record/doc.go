// Package record is the form in which events of one lane travel in a stream:
// a header line and one CloudEvents line per event, as JSON Lines, compressed
// with zstd where that is smaller. FORMAT.md beside this file describes it for
// subscribers in any language.
//
// What lives here: packing, unpacking and the header. What must not: streams
// (package feed), or what is done with the events.
package record
