// Package standintest starts stand-ins of external systems for tests.
//
// What lives here: their beginning and end within a test. What must not: assertions, and
// anything that a program links.
package standintest

import (
	"testing"

	"reprise/pkg/gateway/standin"
)

// Start starts a stand-in until the end of the test, which fails if it cannot be closed.
func Start(t testing.TB) *standin.Server {
	t.Helper()
	server, err := standin.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}
