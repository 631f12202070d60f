package localstore

import "fmt"

// crash ends the process. It is called when Pebble cannot continue without
// risking stored data, or holds locks that it will never release: reopening the
// directory recovers all acknowledged writes. The panic happens in its own
// goroutine, so that no caller can recover from it and leave others waiting
// forever.
func crash(cause string) {
	go panic("data directory failed: " + cause)
	select {}
}

// quietLogger drops Pebble's messages. Errors are returned by the call that
// failed.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf must not return.
func (quietLogger) Fatalf(format string, args ...any) { crash(fmt.Sprintf(format, args...)) }
