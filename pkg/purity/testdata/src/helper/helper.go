// Package helper is one that projections use.
package helper

import "time"

type Clock struct{}

func (Clock) Read() int64 { return today() } // want Read:"impure: uses helper.today, which uses time.Now, which is a clock"

func today() int64 { // want today:"impure: uses time.Now, which is a clock"
	return time.Now().Unix() // want `uses time.Now, which is a clock`
}

// Pure is what a projection may use.
func Pure(a, b int) int { return a + b }

// Generic is impure for any type.
func Generic[T any](t T) T { // want Generic:"impure: uses time.Sleep, which is a clock"
	time.Sleep(1) // want `uses time.Sleep, which is a clock`
	return t
}
