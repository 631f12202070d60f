package lifecycle

import (
	"reflect"
	"sync"
	"time"

	"reprise/pkg/replay"
)

const (
	// recentFor is how old the progress of a view may be that is shown again.
	recentFor = time.Second
	// maxRecent bounds the replays whose views are kept.
	maxRecent = 64
)

// Recent keeps the newest views of replays, so that all who watch a replay share what it
// takes to add up its progress. Only the progress, the pace and the cost of a view may be
// a second old: whatever changes a replay's row is shown at once. It is safe for
// concurrent use; the zero value is ready.
type Recent struct {
	views   shared[View]
	details shared[Detail]
}

// shared keeps what was last made of the rows of replays.
type shared[T any] struct {
	mu   sync.Mutex
	made map[string]made[T]
}

type made[T any] struct {
	row replay.Row
	of  T
	at  time.Time
}

// get returns what was made of a row, if that is recent, and makes it otherwise. now
// tells the time.
func (s *shared[T]) get(row *replay.Row, now func() time.Time, anew func() (T, error)) (T, error) {
	at := now() // before it is made
	if of, found := s.find(row, at); found {
		return of, nil
	}
	of, err := anew()
	if err == nil {
		s.keep(row, of, at)
	}
	return of, err
}

func (s *shared[T]) find(row *replay.Row, now time.Time) (of T, found bool) {
	s.mu.Lock()
	kept, found := s.made[row.ID]
	s.mu.Unlock()
	age := now.Sub(kept.at)
	if !found || age < 0 || age >= recentFor || !reflect.DeepEqual(kept.row, *row) {
		return of, false
	}
	return kept.of, true
}

// keep keeps what was made of a row that has not ended, as of a time before it was made.
func (s *shared[T]) keep(row *replay.Row, of T, at time.Time) {
	if row.Status.Ended() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == nil || len(s.made) >= maxRecent {
		s.made = make(map[string]made[T])
	}
	s.made[row.ID] = made[T]{*row, of, at}
}
