// Package outside tests that business logic reaches external systems once in effect: on a
// real platform on one machine, with a stand-in that keeps books, whatever fails, answers
// late, is killed, redelivered or replayed in between.
package outside
