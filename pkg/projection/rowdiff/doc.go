// Package rowdiff compares the rows of two generations entity by entity, at the same
// events, while both go on following the event stream.
//
// It reads only, and holds a few pages of rows whatever the size of the generations. Rows
// that stand at different events are read again, and if they still do, one of them is
// folded from the log up to the other's position.
package rowdiff
