// Package logged lists the log lines of functions that a metric counts and an alarm
// watches.
//
// What lives here: the function and message of each line, and its filter. What must
// not: the CDK, so that the functions' tests can compare the filters with what the
// functions log.
package logged
