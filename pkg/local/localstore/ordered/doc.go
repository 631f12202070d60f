// Package ordered makes the names in a database's directory durable in the order in which
// Pebble relies on them. Anything else that stands between Pebble and a file system belongs
// to package localstore.
package ordered
