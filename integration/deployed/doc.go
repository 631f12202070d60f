// Package deployed runs, inside a test, what would be deployed on AWS: the
// binaries of the functions as they are built, and tables, streams, mappings,
// routes, rules and state machines as the synthesized templates describe them,
// on engines that speak the services' own protocols on loopback.
//
// What lives here: putting those together, faults between them, and judging by
// Git what became of a log. The scenarios are the packages below. What must not:
// any other assertion about outcomes, or a second description of the deployment.
// DynamoDB Streams do not exist here, so that nothing calls watch-log.
package deployed
