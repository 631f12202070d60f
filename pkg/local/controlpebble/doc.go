// Package controlpebble keeps the control table in a key space of the local store.
//
// This package encodes documents and checks versions. It does not know the
// meaning of documents and imports no other adapter.
package controlpebble
