// Package printable keeps text that comes from data from steering the terminal that
// shows it: escape sequences, line breaks in a cell, and characters that reorder
// what follows.
//
// What lives here: the characters, and the writer that quotes them. What must not:
// any format of output.
package printable
