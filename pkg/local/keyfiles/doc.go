// Package keyfiles keeps the keys of data subjects on one machine in two files of their
// own: the master key, and slots with the keys that it has wrapped.
//
// What lives here: files whose bytes are replaced in place, so that a key that was
// destroyed is in no file. What must not: Pebble, which keeps replaced bytes in its files
// for as long as it likes; and any rule about subjects, which is package personal's.
package keyfiles
