package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/storefault"
)

// TestStatusDescribesTheStorage, as openapi.yaml says, and leaves out what cannot be
// read.
func TestStatusDescribesTheStorage(t *testing.T) {
	w := newAPIWorld(t)
	free, at := int64(1<<20), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	w.platform.storage = &api.StorageStatus{
		State:        api.StorageFull,
		FreeBytes:    &free,
		ReserveBytes: 1 << 28,
		Damaged:      []api.DamagedFile{{File: "000012.sst", First: "log", Last: "log", Found: at}},
		Lost: []api.LostRecords{
			{Stream: "events", Shard: "shard", First: "12", Last: "91", Until: at, Accepted: at},
		},
		Warnings: []string{"the clock is wrong"},
	}
	view := get[api.StatusView](w, "GET /status", "", nil)
	if view.Storage == nil || view.Storage.State != api.StorageFull || len(view.Storage.Damaged) != 1 ||
		len(view.Storage.Lost) != 1 || len(view.Storage.Warnings) != 1 || len(view.Unreadable) != 0 {
		t.Errorf("got %+v, %q", view.Storage, view.Unreadable)
	}
	w.platform.err = fmt.Errorf("read key: %w", storefault.ErrDamaged)
	view = get[api.StatusView](w, "GET /status", "", nil)
	if want := []string{"streams", "consumers", "executions", "storage"}; !slices.Equal(view.Unreadable, want) {
		t.Errorf("not readable are %q, want %q", view.Unreadable, want)
	}
}

// TestFaultsOfTheDiskHaveProblems: each has its own, and only a full disk is worth a
// retry.
func TestFaultsOfTheDiskHaveProblems(t *testing.T) {
	for kind, c := range map[string]struct {
		err    error
		status int
		retry  bool
	}{
		"disk-full":      {storefault.ErrFull, http.StatusInsufficientStorage, true},
		"storage-failed": {storefault.ErrFailed, http.StatusServiceUnavailable, false},
	} {
		w := newAPIWorld(t)
		w.platform.err = fmt.Errorf("read key: %w", c.err)
		response := w.call("GET /status", "", nil, "")
		problem := decode[web.Problem](t, response.Body)
		if response.StatusCode != c.status || problem.Kind() != kind || (problem.RetryAfter > 0) != c.retry {
			t.Errorf("%s: %d %s", kind, response.StatusCode, response.Body)
		}
	}
}
