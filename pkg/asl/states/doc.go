// Package states holds the terms of the AWS Step Functions API: statuses,
// descriptions of executions and map runs, history events, error names, ARNs
// and the service's limits. The engine and the adapter to the service share
// them, so that neither depends on the other.
//
// This package holds names and values in the shape of the API. It does not hold
// the language (package asl) or run executions (packages engine and
// interpreter), and it imports the standard library only, because every Lambda
// function links it.
package states
