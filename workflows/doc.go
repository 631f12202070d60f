// Package workflows holds the state machine files, valid JSON as they stand,
// with ${…Arn} placeholders for the functions that their tasks call. AWS and
// the runner on one machine are given the same bytes.
//
// What lives here: the files and their embedding. What must not: code that runs
// them, or anything but ids and counts in their payloads.
package workflows
