package localstore

import (
	"fmt"

	"github.com/cockroachdb/redact"
)

// quietLogger drops Pebble's messages. Errors are returned by the call that
// failed.
type quietLogger struct{ crash func(cause string) }

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf must not return.
func (l quietLogger) Fatalf(format string, args ...any) {
	l.end(withoutContents(redact.Sprintf(format, args...)))
}

// end ends the process. It is called when Pebble cannot continue without risking
// stored data, or holds locks that it will never release: reopening the directory
// recovers all acknowledged writes. It never returns, so that no caller can
// recover from it and leave others waiting forever.
func (l quietLogger) end(cause string) {
	crash := l.crash
	if crash == nil {
		crash = func(cause string) { go panic(cause) }
	}
	crash("data directory failed: " + cause)
	select {}
}

// panicked is the text of a recovered panic without keys and values.
func panicked(cause any) string { return withoutContents(redact.Sprint(cause)) }

// withoutContents removes what may come from stored keys and values.
func withoutContents(text redact.RedactableString) string {
	return fmt.Sprint(text.Redact().StripMarkers())
}
