// Package projection folds events into the rows of a generation: the rule for
// duplicates, parking, and the two consumers that write rows, of the event
// stream (Live) and of playback records (in package replay, through Applier).
// How the rule for duplicates is kept to at a cost that does not grow with an
// entity's past is in the design notes of package replay.
//
// # What a projection can do to the platform
//
// A Set guards its projections. A panic, an error whose text panics,
// runtime.Goexit and a state that is too large reject the event, which parks its
// entity; so does an event that a projection does not return from within the
// limit of a Watch, an endless loop or a wait for ever. The state is what was
// stored, decoded anew for each event, and the event is a copy, so that nothing
// that a projection keeps or changes shows elsewhere.
//
// The limit of time is the one rejection that the events alone do not decide: a
// machine may take an event that a slower one rejects, and a rebuild may so differ
// from the live path. It is therefore far above what a fold takes, counts only
// parts of it that the process lived through, and names itself in the reason.
//
// What Go cannot recover from ends the process, and its lane stands still until
// the projection is mended, since the batch comes again:
//   - recursion without end (the stack of a goroutine ends at 1 GB), also that of
//     printing or encoding a value that contains itself through a map or a slice;
//   - memory without end, which a limit of ten seconds is too late for;
//   - a map written by two goroutines at once, a panic in a goroutine that the
//     projection itself began, os.Exit and log.Fatal.
//
// A projection that only walks its event and its state cannot recurse so deep:
// encoding/json reads at most 10,000 levels, and a state has at most
// MaxStateBytes. A goroutine that was left behind takes processor time until the
// process ends; with too many of them the projection is not used any more
// (ErrManyRunaways), and what waits for it says so.
//
// What lives here: how events become rows, whatever the events mean. What must
// not: the meaning of events, which is in package domain; clocks, randomness
// and I/O inside a projection; a store.
package projection
