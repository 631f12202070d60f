// Package console contains a scenario of replays that are started, watched and
// stopped with the Step Functions API alone, as with a console or the AWS CLI.
package console
