// Package lifecycle begins and ends replays, and shows them.
//
// What lives here: what people ask for (Service), how a replay ends and what is
// dropped and removed behind it (Closer), and how it is shown (Viewer). What must
// not: the work of a replay, which is package replay, and how its generation
// becomes active, which is package cutover.
package lifecycle
