package segment_test

import (
	"slices"
	"testing"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// The rate of a reader is that of its events, however unevenly their records are put: many
// at the same moment make no rate that nobody ever reads at.
func TestTheRateOfAReaderIsThatOfItsEvents(t *testing.T) {
	for name, tt := range map[string]struct {
		pause    func(record int) time.Duration
		from, to float64
	}{
		"evenly, two a second": {func(int) time.Duration { return 500 * time.Millisecond }, 1.8, 2.2},
		"twenty, every ten seconds": {func(record int) time.Duration {
			if record%20 == 0 {
				return 10 * time.Second
			}
			return 0
		}, 0, 9},
		"all at once":             {func(int) time.Duration { return 0 }, 0, 40},
		"all within milliseconds": {func(int) time.Duration { return time.Millisecond }, 0, 40},
	} {
		w := replaytest.New(t)
		a := w.EntitiesIn(0, 1)
		w.Send(slices.Repeat(a, 100)...)
		w.Plan("r", replay.Request{})
		reader, record := w.Reader(), 0
		reader.RecordBytes = 1
		reader.Playback = replaytest.Slow{Stream: w.Playback, Pass: func() {
			record++
			w.Now = w.Now.Add(tt.pause(record))
		}}
		_, err := reader.Read(t.Context(), "r", 0, w.Now.Add(time.Hour))
		w.Must(err)
		if rate := w.Checkpoint("r", 0).Rate; rate < tt.from || rate > tt.to {
			t.Errorf("%s: %.1f events a second, want %.1f to %.1f", name, rate, tt.from, tt.to)
		}
	}
}
