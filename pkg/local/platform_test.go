package local_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

func changes(from, to, entities int) []json.RawMessage {
	var batch []json.RawMessage
	for i := from; i < to; i++ {
		batch = append(batch, json.RawMessage(fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"test","type":"file.changed","subject":"file-%d",`+
				`"data":{"added":2,"deleted":1,"lines":1}}`, i, i%entities)))
	}
	return batch
}

func TestEventsGoThroughTheLogIntoTheDataStoreAndARebuild(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 2})
	p.Send("/events", changes(0, 300, 7))
	p.Settle(300)
	live := p.Rows("", 4)
	if len(live) != 7 || live["file-0"].Count != 43 ||
		string(live["file-0"].State) != `{"added":86,"deleted":43,"lines":43,"changes":43}` {
		t.Errorf("live rows: %+v", live)
	}
	got := p.Replay("first", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || !got.Promoted || got.Progress.Applied != 300 {
		t.Errorf("replay: %+v", got)
	}
	rebuilt := p.Rows("", 4)
	for name, row := range live {
		r := rebuilt[name]
		if string(r.State) != string(row.State) || r.Count != row.Count || r.Chain != row.Chain ||
			r.Position != row.Position {
			t.Errorf("entity %s: rebuilt %+v, live %+v", name, r, row)
		}
	}
	p.Send("/events", changes(300, 400, 7))
	p.Settle(400)
	if row := p.Rows("", 4)["file-0"]; row.Count != 58 || row.Generation != got.Generation {
		t.Errorf("after the cut-over: %+v", row)
	}
}
