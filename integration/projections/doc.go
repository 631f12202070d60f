// Package projections contains scenarios of projections that reject events, are
// fixed, or get another version.
package projections
