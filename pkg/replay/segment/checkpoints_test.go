package segment_test

import (
	"context"
	"testing"
	"time"

	"reprise/pkg/feed"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// overtaken is a playback stream that lets another reader go ahead before the
// first record is put.
type overtaken struct {
	feed.Stream
	other func()
}

func (o *overtaken) Put(ctx context.Context, key string, data []byte) (string, error) {
	if other := o.other; other != nil {
		o.other = nil
		other()
	}
	return o.Stream.Put(ctx, key, data)
}

// inPieces is a reader that delivers each event by itself and runs out of time
// after three of them.
func inPieces(w *replaytest.World) *segment.Reader {
	reader := w.Reader()
	reader.RecordBytes, reader.PageBytes = 1, 1
	reader.Playback = replaytest.Slow{Stream: w.Playback, Pass: func() { w.Now = w.Now.Add(20 * time.Second) }}
	return reader
}

// Of two readers of a lane the one behind sets no checkpoint back, whether the one
// ahead has come to the end or not. What both deliver is consumed once.
func TestACheckpointOnlyMovesForward(t *testing.T) {
	for name, tt := range map[string]struct {
		other func(w *replaytest.World) *segment.Reader
		read  int64
		done  bool
	}{
		"the other is at the end": {(*replaytest.World).Reader, 5, true},
		"the other is ahead":      {inPieces, 3, false},
	} {
		w := replaytest.New(t)
		a := w.EntitiesIn(0, 1)[0]
		w.Send(a, a, a, a, a)
		w.Plan("r", replay.Request{})
		late := inPieces(w)
		late.Playback = &overtaken{w.Playback, func() {
			_, err := tt.other(w).Read(t.Context(), "r", 0, w.Soon())
			w.Must(err)
			w.Now = w.Now.Add(time.Hour) // the late reader is out of time after its record
		}}
		outcome, err := late.Read(t.Context(), "r", 0, w.Soon())
		if outcome != segment.Continue || err != nil {
			t.Errorf("%s: the late reader says %q, %v", name, outcome, err)
		}
		if at := w.Checkpoint("r", 0); at.Read.Count != tt.read || at.Delivered.Count != tt.read || at.Done != tt.done {
			t.Errorf("%s: the checkpoint is %+v", name, at)
		}
		w.Deliver("r")
		if took := w.Consume(); took.Events != 5 || took.Repeated != 1 || took.Gaps != 0 {
			t.Errorf("%s: consumed %+v", name, took)
		}
	}
}

// A lane that is read again keeps its end marker all along: what a drain compares
// its mark with does not come and go.
func TestALaneThatIsReadAgainKeepsItsEnd(t *testing.T) {
	w := replaytest.New(t)
	a := w.EntitiesIn(0, 1)[0]
	w.Send(a, a, a, a, a)
	w.Plan("r", replay.Request{})
	w.Deliver("r")
	w.Lose()
	want := *w.Checkpoint("r", 0).End
	wantEnd := func(when string, read int64, done bool) {
		t.Helper()
		at := w.Checkpoint("r", 0)
		if at.End == nil || *at.End != want || at.Read.Count != read || at.Done != done {
			t.Errorf("%s: the checkpoint is %+v", when, at)
		}
	}
	if drain, err := w.Drainer().Check(t.Context(), "r", w.Soon()); drain != replay.Reread || err != nil {
		t.Fatalf("the drain is %q, %v", drain, err)
	}
	wantEnd("set back", 0, false)
	_, err := inPieces(w).Read(t.Context(), "r", 0, w.Soon())
	w.Must(err)
	wantEnd("read in part", 3, false)
	w.Deliver("r")
	wantEnd("read again", 5, true)
}
