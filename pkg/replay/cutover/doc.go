// Package cutover takes a rebuild's generation from its id to being the active
// one.
//
// What lives here: Promoter, which prepares the generation, gives it its consumer
// once the replay is proved, and flips to it under a hold, after looking once more
// at what the proof rested on. What must not: how the generation is filled and
// proved, which is package replay.
package cutover
