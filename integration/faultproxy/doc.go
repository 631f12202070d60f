// Package faultproxy is a proxy between a client and a service's endpoint that
// causes the faults of networks and busy services: throttled requests, errors of
// the service, connections that break before or after a request takes effect,
// requests that take effect after their client gave up, requests that take effect
// twice, and batches that are done in part.
//
// The faults look as they do in DynamoDB, Kinesis, Step Functions and Lambda. The
// proxy does nothing that those services never do, such as undoing an acknowledged
// request.
package faultproxy
