// Package logged lists the lines of the functions' logs that are counted, each
// as a metric with an alarm on it.
//
// What lives here: which line of which function, and the filter that counts it.
// What must not: the CDK. So the functions' own tests can hold the filters
// against what the functions log.
package logged
