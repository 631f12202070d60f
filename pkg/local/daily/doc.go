// Package daily starts something at the same time of every day, on this machine's clock.
//
// It knows nothing of what it starts.
package daily
