// Package board shows the progress of a replay as the lines of a live view: what the whole
// replay does, and each lane group.
//
// What lives here: which lines there are and what they say. What must not: terminals,
// requests, other commands.
package board
