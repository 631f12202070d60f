// Package verification has the commands of reprise verify, which start, cancel, list
// and show verifications.
//
// It prints what the API answers, and knows nothing of how a generation is verified.
package verification
