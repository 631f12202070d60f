// Package projection folds events into the rows of a generation. It contains the
// rule for duplicates, parking, corrections and reversals, and the consumer of the event stream that writes
// rows (Live); the consumer of playback records, in package replay, uses Applier.
// The design notes of package replay explain how duplicates are found at a cost
// that does not grow with an entity's past.
//
// # What a projection can do to the platform
//
// A Set guards its projections. A panic, an error whose text panics,
// runtime.Goexit and a state that is too large reject the event, which parks its
// entity. So does an event from which the projection does not return within the
// limit of a Watch, because of an endless loop or an endless wait. The state is
// decoded from what was stored for each event, and the event is a copy, so that
// whatever a projection keeps or changes has no effect elsewhere.
//
// The time limit is the one rejection that the events alone do not decide: one
// machine may accept an event that a slower one rejects, so a rebuild may differ
// from the live path. The limit is therefore far above what a fold takes, counts
// only time during which the process was running, and is named in the reason.
//
// What Go cannot recover from ends the process, and the lane stands still until
// the projection is corrected, since the batch is retried:
//   - endless recursion (a goroutine's stack is limited to 1 GB), also when
//     printing or encoding a value that contains itself through a map or a slice;
//   - endless allocation, for which a limit of ten seconds is too late;
//   - a map written by two goroutines at once, a panic in a goroutine that the
//     projection itself started, os.Exit and log.Fatal.
//
// A projection that only walks its event and its state cannot recurse that deep:
// encoding/json reads at most 10,000 levels, and a state has at most
// MaxStateBytes. An abandoned goroutine takes processor time until the process
// ends; after too many of them the projection is not used any more
// (ErrManyRunaways), and its consumers report that.
//
// The package does not contain the meaning of events (package domain), nor a
// store. No projection uses clocks, randomness or I/O.
package projection
