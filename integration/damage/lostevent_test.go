package damage

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/pkg/api"
	"reprise/pkg/local"
	"reprise/pkg/local/localstore"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

const lanes = 16

// TestReplayOfADamagedLogSaysSo removes one event from the log, as a damaged disk
// would. Replays that cover the event must not end as SUCCEEDED; other replays must
// not be affected.
func TestReplayOfADamagedLogSaysSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := datasets.Litestream(t)
	p := localtest.Start(t, local.Options{Dir: dir, Lanes: lanes})
	d.Send(p.Client, "/imports", 2000)
	p.Settle(int64(len(d.Lines)))
	p.Stop()

	db, err := localstore.Open(dir, localstore.Options{Settings: localstore.Settings{Lanes: lanes, BucketWidth: 86_400}})
	if err != nil {
		t.Fatal(err)
	}
	space := db.Space("log")
	var victim []byte
	err = space.Scan(nil, nil, func(key, _ []byte) (bool, error) {
		if bytes.Contains(key, []byte("README.md#")) {
			victim = bytes.Clone(key)
		}
		return victim == nil, nil
	})
	if err != nil || victim == nil {
		t.Fatalf("no victim: %v", err)
	}
	if err := space.Write(func(b *localstore.Batch) error { return b.Delete(victim) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	p = localtest.Start(t, local.Options{Dir: dir, Lanes: lanes})
	before := p.Rows("", lanes)
	for name, input := range map[string]string{"plain": `{}`, "rebuild": `{"rebuild":true,"promote":true}`} {
		got := p.Replay(name, input)
		if got.Status != replay.Failed || got.Promoted || got.Failure == nil || got.Failure.Error != "Reprise.Incomplete" {
			t.Errorf("%s: %s, %+v", name, got.Status, got.Failure)
		}
		if got.Proof == nil || got.Proof.Complete || len(got.Proof.Differences) != 1 ||
			!strings.Contains(got.Proof.Differences[0].What, "read of the log") ||
			got.Proof.Differences[0].Want-got.Proof.Differences[0].Have != 1 {
			t.Errorf("%s: proof %+v", name, got.Proof)
		}
	}
	datasets.Same(t, "the active generation", p.Rows("", lanes), before)
	// What the failed rebuild created is kept for its continuation, and is not active.
	localtest.Until(p, "/generations", func(v api.GenerationsView) bool {
		return len(v.Generations) == 2 && v.Active == v.Generations[0].ID
	})
	day, err := time.Parse("2006-01-02T15", string(regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d`).Find(victim)))
	if err != nil {
		t.Fatal(err)
	}
	next := day.AddDate(0, 0, 1).Format(time.RFC3339)
	if got := p.Replay("that-day", fmt.Sprintf(`{"from":%q,"to":%q}`, day.Format(time.RFC3339),
		next)); got.Status != replay.Failed {
		t.Errorf("a replay of the damaged day: %s", got.Status)
	}
	if got := p.Replay("later", fmt.Sprintf(`{"from":%q}`, next)); got.Status != replay.Succeeded ||
		got.Progress.Read == 0 {
		t.Errorf("a replay beside the damage: %s, %+v, %+v", got.Status, got.Failure, got.Progress)
	}
}
