// Package simulation attacks the event log, the live path and the replay with
// seeded schedules. The stores are in memory. Every call to a store stops at a
// gate until the scheduler picks it, decides its fate (done, failed, done but
// reported as failed, caller killed or frozen for long) and advances the clock.
// A seed always gives the same schedule.
//
// Besides faults of stores a seed may draw attacks, each of which a test can
// disable (type attacks; -attacks on the command line): streams are resharded,
// so that every consumer gets records in a different order; the code of the
// projections changes and changes back; replays are cancelled during any call of
// any of their steps, by a person who dies and retries; and generations are
// cleared, even in the middle of a write.
//
// Half of the seeds also draw corrections, of refused events and of others; the
// model folds an entity from its first event when one comes.
//
// In the attack "refolds", people have entities folded again. Behind the platform's back
// rows that such an event will mend are spoilt before it comes; from it on they must be
// right again. In the attack "reversals", people reverse events, with an inverse or without,
// and reversals in their turn.
//
// The model decides from the heads alone what is in the log: when a head moves,
// the records of its pump's batch after the old head, in their order, are in the
// log. Everything else in the Events table is a leftover that must not count, and
// everything else that was put must end in quarantine.
//
// This package contains the simulated stores, the drivers that play event source
// mappings, the state machine, deployments, operators and producers, and the
// model with which every write is compared. It contains none of the platform's
// logic, and the platform has no switches for it; planted faults decorate
// contracts.
package simulation
