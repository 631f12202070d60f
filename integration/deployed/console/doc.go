// Package console has the scenario of replays that are started, watched and
// stopped with the Step Functions API alone, on a deployment.
//
// What lives here: what a console and the AWS CLI show. What must not: how the
// API is emulated.
package console
