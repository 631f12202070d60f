package segment_test

import (
	"context"
	"fmt"
	"time"

	"reprise/pkg/eventlog"
	"reprise/pkg/local/localstore/localstoretest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
	"reprise/pkg/replay/segment"
)

// A reader works through a group of lanes of a planned replay. It is called
// again for as long as it reports that it has to continue.
func ExampleReader() {
	t := new(localstoretest.Example)
	defer t.End()
	w := replaytest.New(t)
	w.Send("alice", "alice", "alice")
	w.Plan("r", replay.Request{})

	reader := &segment.Reader{Store: w.Store, Log: w.Log, Heads: w.Heads, Width: eventlog.Hour, Lanes: w.Lanes,
		Codec: w.Codec, Playback: w.Playback}
	outcome, err := reader.Read(context.Background(), "r", 0, w.Now.Add(10*time.Minute))

	fmt.Println(outcome, err)
	fmt.Println(w.Consume().Events, "events were delivered")
	// Output:
	// done <nil>
	// 3 events were delivered
}
