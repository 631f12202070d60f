// Package client runs the command line against a deployment whose routes have IAM
// authorization.
package client
