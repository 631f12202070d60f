package local_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"reprise/pkg/local"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/localstore"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// decided writes to the rows of replays what a process that was killed had written.
func decided(t *testing.T, options local.Options, decide func(context.Context, replay.Store) ([]string, error),
) {
	t.Helper()
	db, err := localstore.Open(options.Dir,
		localstore.Options{Settings: localstore.Settings{Lanes: options.Lanes, BucketWidth: 86_400}})
	if err != nil {
		t.Fatal(err)
	}
	table, err := controlpebble.New(db.Space("control"))
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := decide(t.Context(), replay.Store{Table: table, Now: time.Now})
	if err != nil || len(tokens) == 0 {
		t.Fatalf("%d executions wait, %v", len(tokens), err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A process that is killed after it has stored that a replay goes on, and before it has told
// the execution, keeps the next one neither from starting nor from telling it.
func TestAKillBeforeAnExecutionIsToldToGoOn(t *testing.T) {
	t.Parallel()
	const ask, pause = `{"rebuild":true,"promote":"ask"}`, `{"rebuild":true,"promote":true}`
	for name, c := range map[string]struct {
		input  string
		decide func(context.Context, replay.Store) ([]string, error)
		want   replay.Status
	}{
		"resumed": {pause, func(ctx context.Context, s replay.Store) ([]string, error) {
			_, tokens, err := s.Resume(ctx, "r")
			return tokens, err
		}, replay.Succeeded},
		"approved": {ask, func(ctx context.Context, s replay.Store) ([]string, error) {
			_, tokens, err := s.Approve(ctx, "r", false)
			return tokens, err
		}, replay.Succeeded},
		"cancelled": {ask, func(ctx context.Context, s replay.Store) ([]string, error) {
			row, err := s.Update(ctx, "r", func(row *replay.Row) error {
				row.Cancel = true
				return nil
			})
			return row.Tokens, err
		}, replay.Cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options, p, held := pausable(t)
			held.Lock()
			startReplay(t, p, c.input)
			if c.input == pause {
				steer(t, p, "pause", http.StatusOK)
				untilPaused(p)
				held.Unlock()
			} else {
				held.Unlock()
				untilAsking(p, "r")
			}
			p.Stop()
			decided(t, options, c.decide)
			p = localtest.Start(t, options)
			end := localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
			if end.Status != c.want {
				t.Errorf("%s, %+v", end.Status, end.Failure)
			}
		})
	}
}
