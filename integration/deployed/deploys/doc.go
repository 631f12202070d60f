// Package deploys contains scenarios of deploys in the middle of a rebuild: of other
// steps, and of other projections.
package deploys
