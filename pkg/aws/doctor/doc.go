// Package doctor examines an account before the first deploy and a deployment
// after it: what is there, what must be mended, and how.
//
// What lives here: reading, and judging what was read. What must not: anything
// that changes an account, or the CDK.
package doctor
