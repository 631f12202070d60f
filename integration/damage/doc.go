// Package damage has the scenarios of disks: one that lost an event, and one that
// is full.
//
// What lives here: that the whole platform says so, and goes on where it can.
// What must not: damage to a single store, which its own tests have.
package damage
