package asl

import "time"

// Clock is the engine's only source of time.
type Clock interface {
	Now() time.Time
	// At returns a channel that gets a value once the time has come, and a
	// function that releases the timer.
	At(t time.Time) (<-chan time.Time, func())
}

// SystemClock is the machine's clock. A deadline is a time of the wall clock,
// so that it stands across a restart.
type SystemClock struct{}

// Now is the time.
func (SystemClock) Now() time.Time { return time.Now().UTC() }

// At is a timer of the machine.
func (SystemClock) At(t time.Time) (<-chan time.Time, func()) {
	timer := time.NewTimer(time.Until(t))
	return timer.C, func() { timer.Stop() }
}
