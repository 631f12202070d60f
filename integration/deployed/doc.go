// Package deployed runs, inside a test, what would be deployed on AWS: the
// binaries of the functions as they are built, and tables, streams, mappings,
// routes, rules and state machines as the synthesized templates describe them,
// on engines that speak the services' own protocols on loopback.
//
// What lives here: putting those together, and faults between them. What must
// not: assertions about outcomes, or a second description of the deployment.
// DynamoDB Streams do not exist here, so that nothing calls watch-log.
package deployed
