// Package emulate stands in for the parts of AWS between functions and what
// calls them: the event source mappings that make Kinesis events of a stream,
// and the HTTP API that makes API Gateway events of requests.
//
// What lives here: what those services promise, and nothing that they would not
// do. What must not: functions themselves, or how one is invoked.
package emulate
