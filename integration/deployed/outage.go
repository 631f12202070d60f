package deployed

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds the wait for a function to give up on a service.
const patience = time.Minute

// writesTo reports whether a request writes to a table or stream whose name
// begins with target.
func writesTo(target, operation string, body []byte) bool {
	for _, kind := range []string{"Put", "Update", "BatchWrite"} {
		if strings.HasPrefix(operation, kind) {
			return bytes.Contains(body, []byte(`"`+target))
		}
	}
	return false
}

// Refuse makes a service refuse every write to the tables or streams whose names
// begin with target, and to create such tables, until lift is called.
func (w *World) Refuse(service, target string) (lift func()) {
	proxy := w.Proxies[service]
	proxy.Refuse(func(operation string, body []byte) bool {
		creates := operation == "CreateTable" && bytes.Contains(body, []byte(`"`+target))
		return creates || writesTo(target, operation, body)
	})
	return func() { proxy.Refuse(nil) }
}

// RefuseAfter is Refuse, but lets the first n of those writes pass.
func (w *World) RefuseAfter(service, target string, n int64) (lift func()) {
	var seen atomic.Int64
	proxy := w.Proxies[service]
	proxy.Refuse(func(operation string, body []byte) bool {
		return writesTo(target, operation, body) && seen.Add(1) > n
	})
	return func() { proxy.Refuse(nil) }
}

// CountWrites counts writes to the tables or streams whose names begin with target
// from now on. It replaces a Refuse of the same service.
func (w *World) CountWrites(service, target string) (count func() int64) {
	var seen atomic.Int64
	w.Proxies[service].Refuse(func(operation string, body []byte) bool {
		if writesTo(target, operation, body) {
			seen.Add(1)
		}
		return false
	})
	return seen.Load
}

// AwaitGivenUp waits until a function's log says that it has given up on a service,
// once more than at the last call for that function.
func (w *World) AwaitGivenUp(folder string) {
	w.t.Helper()
	if !eventually(w.t, func() bool { return w.givenUp(folder) > w.gaveUp[folder] }) {
		w.t.Fatalf("%s has not given up within %s", folder, patience)
	}
	w.gaveUp[folder] = w.givenUp(folder)
}

// givenUp counts the lines of a function's log that report an injected fault.
func (w *World) givenUp(folder string) (n int) {
	for line := range strings.Lines(w.Host.Output(w.Name(folder))) {
		if strings.Contains(line, `"msg":"records will be retried"`) || strings.Contains(line, `"msg":"step ended"`) {
			n += strings.Count(line, "injected by the fault proxy")
		}
	}
	return n
}

func eventually(t testing.TB, condition func() bool) bool {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			return false
		}
		<-tick.C
	}
	return true
}
