// Package deployed runs a deployment inside a test: the functions' own binaries,
// with the tables, streams, mappings, routes, rules and state machines of the
// synthesized templates, on engines that speak the services' protocols on loopback.
// It can cause faults between them, and compares the state with Git.
//
// The packages below contain the scenarios. There are no DynamoDB Streams here, so
// nothing calls watch-log.
package deployed
