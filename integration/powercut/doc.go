// Package powercut takes the disk away from a whole platform at any of its writes, and opens
// what is left on it again: every promise made until then must hold, and everything that was
// under way must come to its end. Package crash does so with real processes and disks, at
// few moments; package simulation with stores in memory, between any two writes of a replay.
package powercut
