// Package archive is the format of exports: part of an event log in files, with
// checksums over everything, written part by part and read only once it is known to be
// whole. FORMAT.md describes the bytes.
//
// It knows files and events. It does not know where events come from or go to (package
// cli/archive), nor what is masked (package archive/mask).
package archive
