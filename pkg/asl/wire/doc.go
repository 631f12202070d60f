// Package wire serves the API of AWS Step Functions (AWS JSON 1.0) for a state
// machine runner, so that the real SDK client and the AWS CLI work against it
// without knowing the difference. Only tests serve it so far: those of the
// adapter to Step Functions, and those that run the system as it is deployed.
//
// What lives here: requests, answers, error names and pages of the API. What
// must not: anything of how executions run, or permissions: requests need no
// signature, which is why a Server listens on loopback only.
package wire
