// Package faultproxy stands between a client and a service's endpoint and does
// what networks and busy services do: throttles, faults of the service, lost
// connections before or after a request took effect, requests that take effect
// after their client gave up, requests that take effect twice, and batches of
// which only a part is done.
//
// What lives here: faults of DynamoDB, Kinesis, Step Functions and Lambda in
// the shapes that those services give them. What must not: anything that none
// of them would do, such as an acknowledged request that is undone.
package faultproxy
