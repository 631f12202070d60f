// Package progress shows the progress of long work: a bar on a terminal, else a
// line every few seconds, with rate and time left.
//
// What lives here: drawing and estimating. What must not: the work itself.
package progress
