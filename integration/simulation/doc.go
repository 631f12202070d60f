// Package simulation attacks the event log, the live path and the replay with
// seeded schedules. Stores live in memory; every call to one stops at a gate
// until a scheduler picks it, decides its fate (done, failed, done but reported
// as failed, its caller killed or frozen for long) and moves the clock. One
// seed gives one schedule.
//
// What lives here: the simulated stores, the drivers that play the event source
// mappings, the state machine and the producers, and the model that every write
// is held against. What must not: any of the platform's own logic, nor a switch
// that the platform would have to know of; planted faults decorate contracts.
package simulation
