// Package states holds the terms of the AWS Step Functions API: statuses, what
// Describe tells of an execution and a map run, history events, the names of
// errors, ARNs and the service's limits. The runner and the adapter to the
// service itself both speak them, so that neither needs the other.
//
// What lives here: names, values in the shape of the API, and how they are
// spelled. What must not: the language of state machine files (package asl),
// how executions run (packages engine and interpreter), and any dependency
// outside the standard library: every Lambda function links this package.
package states
