package api_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/consume"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// clearing replaces Clear.
type clearing struct {
	datastore.Generations
	clear func(id string) error
}

func (c clearing) Clear(_ context.Context, id string) error { return c.clear(id) }

var errClear = errors.New("the table is half empty")

// TestWipeIsRecordedBeforeItBegins makes the wipe fail half way: the generation
// is lost nevertheless.
func TestWipeIsRecordedBeforeItBegins(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 3)...)
	w.flow()
	w.api.Generations = clearing{w.generations, func(string) error { return errClear }}
	if got := w.call("POST /state/wipe", "", nil,
		`{"generation":"g0001"}`); got.StatusCode != http.StatusInternalServerError {
		t.Fatalf("%d %s", got.StatusCode, got.Body)
	}
	if got := w.call("GET /entities/{id}", web.EncodeEntity("a"), nil,
		""); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("entity of a half empty generation: %d %s", got.StatusCode, got.Body)
	}
	view := get[api.GenerationsView](w, "GET /generations", "", nil)
	if g := view.Generations[0]; !g.Lost || g.Loss == nil || g.Loss.Why == "" || g.Loss.At.IsZero() {
		t.Errorf("%+v", g)
	}
}

// second makes a second generation that follows.
func (w *apiWorld) second(replayID string) datastore.Info {
	w.t.Helper()
	ctx := w.t.Context()
	info, err := w.registry.Begin(ctx, replayID, w.live.Applier.Version())
	must(w.t, err)
	must(w.t, w.generations.Create(ctx, info.ID))
	for lane := range event.Lane(apiLanes) {
		must(w.t, datastore.BeginMark(ctx, w.generations.Open(info.ID), lane, eventlog.Head{}, nil))
	}
	must(w.t, w.registry.Follow(ctx, info.ID, datastore.Cut{}))
	return info
}

func (w *apiWorld) promote(replayID, generation string) {
	w.t.Helper()
	hold, err := w.registry.Hold(w.t.Context(), replayID, time.Minute)
	must(w.t, err)
	must(w.t, w.registry.Flip(w.t.Context(), generation, replayID, hold))
}

// TestWipeMustNameTheGenerationThatIsActiveNow refuses a generation that was active earlier.
func TestWipeMustNameTheGenerationThatIsActiveNow(t *testing.T) {
	w := newAPIWorld(t)
	info := w.second("r")
	w.promote("r", info.ID)
	if got := w.call("POST /state/wipe", "", nil, `{"generation":"g0001"}`); got.StatusCode != http.StatusConflict {
		t.Errorf("%d %s", got.StatusCode, got.Body)
	}
	for _, g := range get[api.GenerationsView](w, "GET /generations", "", nil).Generations {
		if g.Lost {
			t.Errorf("generation %s is lost", g.ID)
		}
	}
}

// stopped is Step Functions that ignores Stop.
type stopped struct{ lifecycle.Executions }

func (stopped) Stop(context.Context, string, string, string) error { return nil }

// TestAPromotedReplayIsNotCancelled expects 409 with the reason. A replay that
// is not promoted is cancelled, and its generation never becomes active.
func TestAPromotedReplayIsNotCancelled(t *testing.T) {
	for _, promoted := range []bool{true, false} {
		w := newAPIWorld(t)
		ctx := t.Context()
		_, _, err := w.store.Create(ctx, "r", replay.Request{Rebuild: true, Promote: true})
		must(t, err)
		info := w.second("r")
		_, err = w.store.Update(ctx, "r", func(row *replay.Row) error { row.Generation = info.ID; return nil })
		must(t, err)
		w.api.Replays = &lifecycle.Service{Store: w.store, Executions: stopped{},
			Closer: &lifecycle.Closer{Store: w.store, Registry: w.registry, Generations: w.generations, Lanes: apiLanes}}
		if promoted {
			w.promote("r", info.ID)
		}
		response := w.call("POST /replays/{id}/cancel", "r", nil, "{}")
		if promoted {
			if problem := decode[web.Problem](t, response.Body); response.StatusCode != http.StatusConflict ||
				problem.Kind() != "replay-promoted" {
				t.Errorf("promoted: %d %s", response.StatusCode, response.Body)
			}
			continue
		}
		if view := decode[lifecycle.View](t, response.Body); response.StatusCode != http.StatusOK ||
			view.Status != replay.Cancelled {
			t.Errorf("%d %s", response.StatusCode, response.Body)
		}
		hold, err := w.registry.Hold(ctx, "r", time.Minute)
		must(t, err)
		if err := w.registry.Flip(ctx, info.ID, "r", hold); !errors.Is(err, datastore.ErrWithdrawn) {
			t.Errorf("flip afterwards: %v", err)
		}
		for _, g := range get[api.GenerationsView](w, "GET /generations", "", nil).Generations {
			if g.ID == info.ID && g.Withdrawn != "CANCELLED" {
				t.Errorf("%+v", g)
			}
		}
	}
}

// TestALostGenerationRaisesItsAlarmEachTime counts the lines that the metric
// filter of the alarm matches.
func TestALostGenerationRaisesItsAlarmEachTime(t *testing.T) {
	w := newAPIWorld(t)
	w.send(deposits("a", 0, 3)...)
	w.flow()
	_, err := w.registry.Lose(t.Context(), "g0001", datastore.Loss{Count: 1, Why: "test"})
	must(t, err)
	var logged bytes.Buffer
	write := &consume.Write{Live: w.live, Generation: "g0001", Log: slog.New(slog.NewJSONHandler(&logged, nil))}
	for n := 1; n <= 3; n++ {
		response, err := write.Handle(t.Context(), platformtest.Records(w.t, w.stream))
		must(t, err)
		if len(response.BatchItemFailures) > 0 {
			t.Errorf("records are retried: %+v", response)
		}
		if got := strings.Count(logged.String(), `"msg":"generation is lost; a rebuild has to replace it"`); got != n {
			t.Errorf("%d alarms after %d batches: %s", got, n, logged.String())
		}
	}
}
