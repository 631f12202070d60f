// Package selection is the flags by which commands select events of the log: the same
// names, with the same meaning, wherever events are selected.
//
// It reads flags only; what they select is decided by package request.
package selection
