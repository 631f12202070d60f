// Package scenarios contains what a deployment goes through from its beginning to its
// end: services that throttle, have outages and fail in every possible way while functions
// are killed; replays that are steered with the Step Functions API alone, as with a console
// or the AWS CLI; nights that find planted drift; tables that are restored as the runbook
// says; business logic with effects, compared and approved; and personal fields that are
// sealed, revealed and erased.
//
// The package has tests only. Each has a deployment of its own, and waits for most of its
// time, so they run side by side.
package scenarios
