// Package settings reads the environment of functions, typed and validated. No other
// package reads it. It also derives the names of a deployment's resources from one
// prefix.
//
// What lives here: the names of variables and resources, and their limits. What
// must not: clients, handlers, or defaults that could hide a missing variable.
package settings
