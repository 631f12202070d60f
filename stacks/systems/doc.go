// Package systems checks the addresses of external systems before they are deployed.
//
// It knows nothing of stacks, and calls nothing.
package systems
