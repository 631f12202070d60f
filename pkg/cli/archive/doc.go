// Package archive has the commands that copy the log, or a part of it: export, import and
// fork.
//
// It moves events between the HTTP API and files; what files contain is package
// reprise/pkg/archive's, what is masked package reprise/pkg/archive/mask's.
package archive
