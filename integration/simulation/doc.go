// Package simulation attacks the event log, the live path and the replay with
// seeded schedules. Stores live in memory; every call to one stops at a gate
// until a scheduler picks it, decides its fate (done, failed, done but reported
// as failed, its caller killed or frozen for long) and moves the clock. One
// seed gives one schedule.
//
// Beside the faults of stores a seed may draw attacks, each of which a test can
// switch off (type attacks; -attacks on the command line): streams that are
// resharded, so that every consumer gets records in an order of its own; code of
// the projections that changes and comes back; replays that are cancelled with
// any call of any of their steps, by a person who dies and tries again; and
// generations that are cleared, in the middle of a write as well.
//
// What is in the log the model learns from the heads alone: when one moves, the
// records of its pump's batch that lie behind the head that was read, in their
// order, are members. Whatever else the Events table holds is a leftover that
// must not count, and whatever else was put must end in quarantine.
//
// What lives here: the simulated stores, the drivers that play the event source
// mappings, the state machine, deployments, operators and the producers, and the
// model that every write is held against. What must not: any of the platform's
// own logic, nor a switch that the platform would have to know of; planted faults
// decorate contracts.
package simulation
