package asltest

import "time"

const (
	// haste is how many times as fast waits pass.
	haste = 10
	// longestWait is longer than every Wait, and than every interval of a Retry, that a
	// test waits for, and shorter than every TimeoutSeconds.
	longestWait = 100 * time.Second
)

// Hasty is the system's clock, but waits end early: those between the attempts of a task
// and those of a Wait state, and not the time limits of tasks and executions.
type Hasty struct{}

// Now implements interpreter.Clock.
func (Hasty) Now() time.Time { return time.Now().UTC() }

// At implements interpreter.Clock.
func (Hasty) At(t time.Time) (<-chan time.Time, func()) {
	wait := time.Until(t)
	if wait < longestWait {
		wait /= haste
	}
	timer := time.NewTimer(wait)
	return timer.C, func() { timer.Stop() }
}
