// Package verifications serves verifications over HTTP: they are started, cancelled,
// listed and shown with what they found.
//
// It knows nothing of how a generation is verified (package verify), and of other routes.
package verifications
