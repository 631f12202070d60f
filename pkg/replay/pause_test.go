package replay_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// paused has replay "r", which somebody paused.
func paused(t *testing.T) *replaytest.World {
	t.Helper()
	w := replaytest.New(t)
	w.Create("r", replay.Request{})
	row, _, err := w.Store.RequestPause(t.Context(), "r")
	if err != nil || !row.Paused {
		t.Fatalf("pause: %+v, %v", row, err)
	}
	return w
}

func park(t *testing.T, w *replaytest.World, token string, want bool) {
	t.Helper()
	parked, err := w.Store.ParkToken(t.Context(), "r", token)
	if parked != want || err != nil {
		t.Errorf("token %.10q parked: %t, %v; want %t", token, parked, err, want)
	}
}

func wantTokens(t *testing.T, w *replaytest.World, want ...string) {
	t.Helper()
	if tokens := w.Row("r").Tokens; !slices.Equal(tokens, want) {
		t.Errorf("tokens %q, want %q", tokens, want)
	}
}

// An execution waits only while its replay is to be paused. A token is kept
// once, however often its step is repeated.
func TestAnExecutionWaitsOnlyWhileItsReplayIsPaused(t *testing.T) {
	for name, change := range map[string]func(*replay.Row){
		"never paused": func(row *replay.Row) { row.Paused = false },
		"cancelled":    func(row *replay.Row) { row.Cancel = true },
		"ended":        func(row *replay.Row) { row.Status = replay.Failed },
	} {
		t.Run(name, func(t *testing.T) {
			w := paused(t)
			w.Change("r", change)
			park(t, w, "one", false)
			wantTokens(t, w)
		})
	}
	w := paused(t)
	park(t, w, "one", true)
	park(t, w, "one", true)
	park(t, w, "two", true)
	wantTokens(t, w, "one", "two")
}

// A pause or resume that is repeated changes nothing, and writes nothing.
func TestPausingAndResumingAreIdempotent(t *testing.T) {
	w := paused(t)
	park(t, w, "one", true)
	silent := w.Store
	silent.Table = replaytest.Intercepted{Table: w.Store.Table, Write: replaytest.Failing(replay.RowKey("r"))}
	if row, _, err := silent.RequestPause(t.Context(), "r"); err != nil || !row.Paused {
		t.Errorf("paused again: %+v, %v", row, err)
	}
	for _, store := range []replay.Store{w.Store, silent} {
		_, tokens, err := store.Resume(t.Context(), "r")
		if err != nil || !slices.Equal(tokens, []string{"one"}) || w.Row("r").Paused {
			t.Errorf("resumed: %q, %v, paused %t", tokens, err, w.Row("r").Paused)
		}
	}
}

// A resumed replay keeps its tokens, and those parked since, until somebody has
// released them. Releasing unknown tokens writes nothing.
func TestATokenIsKeptUntilItIsReleased(t *testing.T) {
	w := paused(t)
	park(t, w, "one", true)
	_, tokens, err := w.Store.Resume(t.Context(), "r")
	w.Must(err)
	_, _, err = w.Store.RequestPause(t.Context(), "r")
	w.Must(err)
	park(t, w, "two", true)
	w.Must(w.Store.Released(t.Context(), "r", tokens))
	wantTokens(t, w, "two")

	silent := w.Store
	silent.Table = replaytest.Intercepted{Table: w.Store.Table, Write: func(control.Key) error {
		return replaytest.ErrUnreadable
	}}
	for _, id := range []string{"r", "unknown"} {
		if err := silent.Released(t.Context(), id, []string{"one"}); err != nil {
			t.Errorf("released for %s: %v", id, err)
		}
	}
	_, _, err = w.Store.End(t.Context(), "r", replay.Cancelled, nil, nil)
	w.Must(err)
	w.Must(w.Store.Released(t.Context(), "r", []string{"two"}))
	wantTokens(t, w)
}

// Of the tokens that retries leave behind, the newest sixteen are kept: the
// last one belongs to the execution that waits.
func TestTheNewestTokensAreKept(t *testing.T) {
	w := paused(t)
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("token-%d", i))
		park(t, w, all[i], true)
		wantTokens(t, w, all[max(0, i-15):]...)
	}
}

// A text that cannot be a task token is refused. The longest token of Step
// Functions is accepted.
func TestATextThatIsNoTokenIsRefused(t *testing.T) {
	w := paused(t)
	for _, token := range []string{"", strings.Repeat("x", 2049)} {
		if parked, err := w.Store.ParkToken(t.Context(), "r", token); parked || !errors.Is(err, replay.ErrToken) {
			t.Errorf("a token of %d bytes parked: %t, %v", len(token), parked, err)
		}
	}
	park(t, w, strings.Repeat("x", 2048), true)
}

// A token that could not be stored is not parked: nobody would release it.
func TestATokenThatIsNotStoredIsNotParked(t *testing.T) {
	w := paused(t)
	failing := w.Store
	failing.Table = replaytest.Intercepted{Table: w.Store.Table, Write: replaytest.Failing(replay.RowKey("r"))}
	if parked, err := failing.ParkToken(t.Context(), "r", "one"); parked || !errors.Is(err, replaytest.ErrUnreadable) {
		t.Errorf("parked: %t, %v", parked, err)
	}
	wantTokens(t, w)
}

// After its end a replay is neither paused nor resumed.
func TestAReplayThatHasEndedIsNotPaused(t *testing.T) {
	w := paused(t)
	w.Change("r", func(row *replay.Row) { row.Status = replay.Succeeded })
	if _, _, err := w.Store.RequestPause(t.Context(), "r"); !errors.Is(err, replay.ErrEnded) {
		t.Errorf("pause: %v", err)
	}
	if _, tokens, err := w.Store.Resume(t.Context(), "r"); !errors.Is(err, replay.ErrEnded) || tokens != nil {
		t.Errorf("resume: %q, %v", tokens, err)
	}
}
