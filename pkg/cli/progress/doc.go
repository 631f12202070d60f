// Package progress shows people how far long work has come: a bar on a
// terminal, a line now and then elsewhere, with rate and time left.
//
// What lives here: drawing and estimating. What must not: what the work is.
package progress
