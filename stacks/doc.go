// Package stacks is the platform's infrastructure: four stacks of one app, and
// one typed config that says everything a deployment may choose.
//
// What lives here: resources, permissions, alarms, in one file per stack or
// concern. What must not: anything of pkg. Settings travel to functions as
// environment variables, names of resources follow from the prefix; tests
// compare both with what the functions expect.
package stacks
