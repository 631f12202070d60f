// Package stepfunctions runs executions of the replay state machine on AWS Step
// Functions: it starts, stops and describes them, lists them and their map
// runs, reads their history and answers task tokens.
//
// What lives here: the calls of one state machine, in the terms of package states,
// as on one machine. What must not: what an execution does.
package stepfunctions
