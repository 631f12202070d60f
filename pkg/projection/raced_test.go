//go:build race

package projection_test

// raced says that the race detector is on, under which the stores keep their
// caches in the heap.
const raced = true
