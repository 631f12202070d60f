// Package cost has the scenario of a large log on a deployment, with what it used
// of the services' units.
//
// What lives here: the table of costs in stacks/COST.md, and measuring it. What must not:
// prices, which package meter has.
package cost
