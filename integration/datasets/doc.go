// Package datasets has real event logs with what Git says that they come to, and
// the scenarios of the platform on them: live, rebuilt, sent twice, imported.
//
// What lives here: reading the logs, judging state by Git, and comparing state.
// What must not: anything that knows how the platform runs, but in the tests.
package datasets
