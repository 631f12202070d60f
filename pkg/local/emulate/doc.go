// Package emulate stands in for what AWS has between functions and what calls
// them: the event source mappings that make Kinesis events of a stream, and the
// limits of an HTTP API.
//
// What lives here: what those services promise, and nothing that they would not
// do. What must not: functions themselves, or how one is invoked.
package emulate
