// Package deploys has the scenarios of deploys in the middle of a rebuild: of
// other steps, and of other projections.
//
// What lives here: what a deploy may change, and what it must not touch. What
// must not: how a deploy is emulated.
package deploys
