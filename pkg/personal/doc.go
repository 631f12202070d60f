// Package personal seals the personal fields of events before they are put into the event
// stream, reveals sealed values to readers, and erases a data subject by destroying the
// only key to what was sealed for it.
//
// It is the contract of the keys and of what wraps them, with the rules of both; every
// adapter passes personaltest. It knows no log, no rows and no HTTP. PERSONAL.md says what
// is guaranteed, DESIGN.md why it is so.
package personal
