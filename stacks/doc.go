// Package stacks is the platform's infrastructure: four stacks of one app, and one
// typed config with all settings of a deployment.
//
// What lives here: resources, permissions, alarms, in one file per stack or concern.
// What must not: imports of pkg. Settings reach functions as environment variables,
// and names of resources follow from the prefix; tests compare both with what the
// functions expect.
package stacks
