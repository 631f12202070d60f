// Package platform makes every function, and the keeper of the generations'
// consumers, from stores, streams, a clock, projections and settings. AWS, one
// machine and the simulation pass their own parts and get the same functions.
//
// This package decides which parts a function uses and what surrounds it (its
// log line, its cost, waking the keeper). It contains no adapters or clients,
// does not read the environment, and decides nothing about events.
package platform
