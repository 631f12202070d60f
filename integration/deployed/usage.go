package deployed

import (
	"encoding/json"
	"strings"

	"reprise/pkg/api"
	"reprise/pkg/local/localtest"
	"reprise/pkg/meter"
)

// ended is the last log line of every invocation.
type ended struct {
	Message string                 `json:"msg"`
	Parts   map[string]meter.Usage `json:"parts"`
}

// SettleUsage waits until n events are applied and no function works on a batch, so that
// all that was used has been logged.
func (w *World) SettleUsage(n int64) {
	w.t.Helper()
	w.Settle(n)
	localtest.Until(w, "/status", func(api.StatusView) bool { return w.batches.Load() == 0 })
}

// Used sums up from a function's log what its invocations have used so far, by part,
// and counts the invocations.
func (w *World) Used(folder string) (used meter.Snapshot, invocations int) {
	w.t.Helper()
	used = make(meter.Snapshot)
	for line := range strings.Lines(w.Host.Output(w.Name(folder))) {
		var e ended
		if json.Unmarshal([]byte(line), &e) != nil || e.Message != "invocation ended" {
			continue
		}
		invocations++
		for part, u := range e.Parts {
			used[part] = used[part].Add(u)
		}
	}
	return used, invocations
}
