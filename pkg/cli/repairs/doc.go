// Package repairs has the command reprise repair, which finds the entities that a bug has
// touched and has them folded again, in place.
//
// It decides which entities, asks, sends a request for each and waits. How an entity is
// folded again is the platform's matter (package projection).
package repairs
