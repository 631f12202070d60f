// Package pace holds a replay to a rate. All segment readers of a replay, wherever they
// run, share one document: before a reader delivers events, it takes a lease, which is
// the next free stretch of the schedule, and waits until it begins.
//
// The rate is the lower one of two: the limit that an operator set, and what pressure
// allows at present. While something else suffers (a store refuses requests, live events
// or the replay's own consumer fall behind), the readers lower the rate step by step;
// afterwards they raise it again.
//
// The package knows neither the log nor the readers. What the pressure is, its caller
// tells it.
package pace
