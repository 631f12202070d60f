// Package settings is what a function is told by its environment: typed,
// validated, and read here only. It also knows the names of a deployment's
// resources, which follow from one prefix.
//
// What lives here: the names of variables and resources, and their limits. What
// must not: clients, handlers, or defaults that could hide a missing variable.
package settings
