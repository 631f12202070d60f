// Package consume handles batches of stream records lane by lane: the pump, the
// consumers of generations, and the consumer of the playback stream.
//
// This package divides a batch by lanes, reports which records to retry, and
// logs the lines that alarms count. It decides nothing about order, duplicates
// or the effect of an event.
package consume
