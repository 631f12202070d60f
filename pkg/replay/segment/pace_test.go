package segment_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"reprise/pkg/feed"
	"reprise/pkg/replay"
	"reprise/pkg/replay/pace"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// paceTap notes when records are put.
type paceTap struct {
	feed.Stream
	put func()
}

func (p paceTap) Put(ctx context.Context, key string, data []byte) (string, error) {
	p.put()
	return p.Stream.Put(ctx, key, data)
}

// atPace is a reader that is held to the pace of its replay. Only its waits take time.
func atPace(w *replaytest.World, put func(), pressure pace.Pressure) *segment.Reader {
	reader := w.Reader()
	reader.Playback = paceTap{reader.Playback, put}
	reader.Pacer = func(row replay.Row) *pace.Pacer {
		return &pace.Pacer{
			Table:     w.Store.Table,
			Key:       replay.PaceKey(row.ID),
			Requested: row.Request.Rate,
			Readers:   1,
			Pressure:  pressure,
			Now:       func() time.Time { return w.Now },
			Sleep:     w.Sleep,
		}
	}
	return reader
}

// many are events of one lane, since the clock of a world belongs to one goroutine.
func many(w *replaytest.World, n int) {
	w.Send(slices.Repeat(w.EntitiesIn(0, 4), n/4)...)
}

// readAll reads every group, as often as a step that ends after a minute has to.
func readAll(t *testing.T, w *replaytest.World, reader *segment.Reader, id string) (steps int) {
	t.Helper()
	for group := range w.Row(id).Groups {
		for outcome := segment.Continue; outcome != segment.Done; steps++ {
			var err error
			if outcome, err = reader.Read(t.Context(), id, group, w.Soon()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return steps
}

func TestReadersKeepTheRateOfTheRequest(t *testing.T) {
	for _, rate := range []int{3, 50, 2000} {
		w := replaytest.New(t)
		many(w, 1000)
		w.Plan("r", replay.Request{Rate: rate})
		began := w.Now
		readAll(t, w, atPace(w, func() {}, nil), "r")
		took, want := w.Now.Sub(began).Seconds(), 1000/float64(rate)
		if took < want*0.9-1 || took > want*1.1+1 {
			t.Errorf("%d events at %d a second took %.1f s", 1000, rate, took)
		}
		if consumed := w.Consume(); consumed.Events != 1000 || consumed.Gaps+consumed.Damaged > 0 {
			t.Errorf("rate %d: %+v", rate, consumed)
		}
	}
}

// What was gathered without a limit is not delivered at once after a limit was set, and
// nothing is lost or delivered in another order.
func TestARateThatIsSetWhileReadersRunHoldsAtOnce(t *testing.T) {
	w := replaytest.New(t)
	many(w, 1000)
	w.Plan("r", replay.Request{})
	puts := 0
	reader := atPace(w, func() {
		w.Now = w.Now.Add(time.Second) // so that readers look at the row
		if puts++; puts == 2 {
			if _, err := w.Store.SetRate(t.Context(), "r", 10); err != nil {
				t.Fatal(err)
			}
		}
	}, nil)
	reader.RecordBytes = 2000
	began := w.Now
	readAll(t, w, reader, "r")
	if took := w.Now.Sub(began); took < 80*time.Second {
		t.Errorf("it took %s", took)
	}
	if consumed := w.Consume(); consumed.Events != 1000 || consumed.Gaps+consumed.Damaged > 0 {
		t.Errorf("%+v", consumed)
	}
}

func TestPressureSlowsReaders(t *testing.T) {
	w := replaytest.New(t)
	many(w, 1000)
	w.Plan("r", replay.Request{})
	puts := 0
	reader := atPace(w, func() {
		puts++
		w.Now = w.Now.Add(500 * time.Millisecond)
	}, func(context.Context) (pace.Reason, error) { return pace.LiveLag, nil })
	reader.RecordBytes = 500
	began := w.Now
	readAll(t, w, reader, "r")
	state, err := pace.Load(t.Context(), w.Store.Table, replay.PaceKey("r"))
	if err != nil || state.Reason != pace.LiveLag || w.Now.Sub(began) < 60*time.Second {
		t.Errorf("%+v, %v after %s and %d records", state, err, w.Now.Sub(began), puts)
	}
}

// A pause is noticed while a reader waits for its rate.
func TestAReaderThatWaitsForItsRatePauses(t *testing.T) {
	w := replaytest.New(t)
	many(w, 1000)
	w.Plan("r", replay.Request{Rate: 1})
	reader := atPace(w, func() {}, nil)
	began := w.Now
	sleep := w.Sleep
	reader.Pacer = func(row replay.Row) *pace.Pacer {
		return &pace.Pacer{
			Table:     w.Store.Table,
			Key:       replay.PaceKey(row.ID),
			Requested: row.Request.Rate,
			Now:       func() time.Time { return w.Now },
			Sleep: func(ctx context.Context, d time.Duration) error {
				if w.Now.Sub(began) > 5*time.Second {
					w.Change("r", func(row *replay.Row) { row.Paused = true })
				}
				return sleep(ctx, d)
			},
		}
	}
	outcome, err := reader.Read(t.Context(), "r", 0, w.Soon())
	if outcome != segment.Paused || err != nil || w.Now.Sub(began) > 10*time.Second {
		t.Errorf("%q, %v after %s", outcome, err, w.Now.Sub(began))
	}
	w.Change("r", func(row *replay.Row) { row.Paused = false })
	w.Must(func() error { _, err := w.Store.SetRate(t.Context(), "r", 0); return err }())
	readAll(t, w, atPace(w, func() {}, nil), "r")
	if consumed := w.Consume(); consumed.Events != 1000 || consumed.Gaps+consumed.Damaged > 0 {
		t.Errorf("%+v", consumed)
	}
}
