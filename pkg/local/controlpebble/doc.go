// Package controlpebble keeps the control table in a key space of the local store.
//
// What lives here: the encoding of documents and the checks of versions. What
// must not: the meaning of any document, or another adapter.
package controlpebble
