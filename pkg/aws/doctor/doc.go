// Package doctor examines an account before the first deploy and a deployment
// after it: what is there, what must be fixed, and how.
//
// What lives here: reading and judging. What must not: anything that changes an
// account, or the CDK.
package doctor
