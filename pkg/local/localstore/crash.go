package localstore

import "fmt"

// crash ends the process. It is called where Pebble cannot go on without
// risking what is stored, or holds locks that it will never release: opening
// the directory anew recovers all that was acknowledged. The panic is in a
// goroutine of its own, so that nobody up the stack can recover from it and
// leave others waiting for ever.
func crash(cause string) {
	go panic("data directory failed: " + cause)
	select {}
}

// quietLogger keeps Pebble's progress messages out of the program's output.
// What fails is returned by the call that failed.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf must not return.
func (quietLogger) Fatalf(format string, args ...any) { crash(fmt.Sprintf(format, args...)) }
