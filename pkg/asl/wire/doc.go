// Package wire serves the API of AWS Step Functions (AWS JSON 1.0) for an
// engine, so that the SDK and the AWS CLI work against it unchanged: reprise local
// serves it beside its own API. Answers conform to the SDK's model of the
// service, member by member, and a page token is valid only for the list that it
// came from.
//
// This package holds requests, responses, error names and pages of the API. It
// does not run executions and checks no permissions: requests need no
// signature, which is why a Server answers this machine only.
package wire
