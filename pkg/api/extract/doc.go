// Package extract serves the log itself over HTTP, for exports: a cut of it, and the
// events of a lane up to that cut, page by page.
//
// It reads the log as a replay does, by heads, manifests and registers, and changes
// nothing. It does not know the files of an export (package archive).
package extract
