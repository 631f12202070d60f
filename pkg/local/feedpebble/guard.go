package feedpebble

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"reprise/pkg/local/localstore"
)

// ErrLost means that records which were acknowledged are missing: the end of the
// write-ahead log is damaged or cut, or older files were put in place. Only an
// operator can decide to go on.
var ErrLost = errors.New("acknowledged events are missing")

// Loss is a range of a shard's records that were acknowledged and are missing. Its
// numbers are not given to other records.
type Loss struct {
	Shard int `json:"shard"`
	// First and Last are sequence numbers, both included.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Until is when the last of them was acknowledged.
	Until time.Time `json:"until"`
	// Accepted is when an operator accepted the loss.
	Accepted time.Time `json:"accepted"`
}

func (l Loss) String() string {
	return fmt.Sprintf("records %d to %d of shard %d, acknowledged until %s",
		l.First, l.Last, l.Shard, l.Until.UTC().Format(time.RFC3339))
}

// guardKey is set once the directory has marks.
var guardKey = []byte{guardTag}

// Guard compares a stream with the marks of what was acknowledged, and marks its
// records from then on. If records are missing it fails with ErrLost, unless the
// loss is accepted. Call it once, before the stream is used.
func (s *Streams) Guard(db *localstore.DB, name string, accept bool) error {
	st, err := s.find(name)
	if err != nil {
		return fmt.Errorf("guard stream %s: %w", name, err)
	}
	marks, state, err := db.OpenMarks(st.Count)
	if err != nil {
		return fmt.Errorf("guard stream %s: %w", name, err)
	}
	if err := s.warnOfMarks(state); err != nil {
		return fmt.Errorf("guard stream %s: %w", name, err)
	}
	if err := s.settle(st, marks, accept, !db.ReadOnly()); err != nil {
		return fmt.Errorf("guard stream %s: %w", name, err)
	}
	for i, sh := range st.shards {
		sh.marks = marks
		if err := marks.Set(i, localstore.Mark{Number: sh.durable, At: sh.arrival}); err != nil {
			return fmt.Errorf("guard stream %s: %w", name, err)
		}
	}
	if db.ReadOnly() {
		return nil
	}
	return s.space.Write(func(b *localstore.Batch) error { return b.Put(guardKey, nil) })
}

func (s *Streams) warnOfMarks(state localstore.MarksState) error {
	known, err := s.space.View(guardKey, func([]byte) error { return nil })
	if err != nil {
		return err
	}
	const unnoticed = ": if acknowledged events were lost before this start, that cannot be noticed"
	switch {
	case state == localstore.MarksNew && known:
		s.warn("the file of marks was missing" + unnoticed)
	case state == localstore.MarksUnusable:
		s.warn("the file of marks was damaged" + unnoticed)
	}
	return nil
}

// settle finds what is missing, and records it if the loss is accepted.
func (s *Streams) settle(st *stream, marks *localstore.Marks, accept, write bool) error {
	var lost []Loss
	var texts []string
	for i, sh := range st.shards {
		if mark := marks.Get(i); mark.Number > sh.durable {
			loss := Loss{Shard: i, First: sh.durable + 1, Last: mark.Number, Until: time.UnixMilli(mark.At).UTC(),
				Accepted: s.now().UTC().Truncate(time.Millisecond)}
			lost, texts = append(lost, loss), append(texts, loss.String())
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if !accept {
		return fmt.Errorf("%w: %s", ErrLost, strings.Join(texts, "; "))
	}
	for _, loss := range lost {
		sh := st.shards[loss.Shard]
		sh.skip(loss)
	}
	if !write {
		return nil
	}
	return s.space.Write(func(b *localstore.Batch) error {
		for _, loss := range lost {
			value, err := json.Marshal(loss)
			if err == nil {
				err = b.Put(sequenceKey(lossTag, st.Number, loss.Shard, loss.Last), value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// skip leaves out the numbers of lost records. The caller must prevent other use
// of the shard.
func (sh *shard) skip(loss Loss) {
	sh.durable, sh.next = loss.Last, loss.Last+1
	sh.arrival = max(sh.arrival, loss.Until.UnixMilli())
	sh.latest = max(sh.latest, sh.arrival)
}

// Losses lists the accepted losses of a stream.
func (s *Streams) Losses(name string) ([]Loss, error) {
	st, err := s.find(name)
	if err != nil {
		return nil, fmt.Errorf("list losses: %w", err)
	}
	var losses []Loss
	prefix := streamPrefix(lossTag, st.Number)
	err = s.space.Scan(prefix, localstore.PrefixEnd(prefix), func(_, value []byte) (bool, error) {
		var loss Loss
		err := json.Unmarshal(value, &loss)
		losses = append(losses, loss)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("list losses: %w", err)
	}
	return losses, nil
}

// Warnings say what prevents a loss from being noticed.
func (s *Streams) Warnings() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]string(nil), s.warnings...)
}

const maxWarnings = 10

func (s *Streams) warn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.warnings {
		if known == text {
			return
		}
	}
	if len(s.warnings) < maxWarnings {
		s.warnings = append(s.warnings, text)
	}
}

// mark notes that a record was acknowledged. The record is on disk whatever
// becomes of the mark.
func (s *Streams) mark(sh *shard, sequence uint64, arrival int64) {
	if sh.marks == nil {
		return
	}
	if err := sh.marks.Set(sh.index, localstore.Mark{Number: sequence, At: arrival}); err != nil {
		s.warn("marks cannot be written, so that a loss might not be noticed: " + err.Error())
	}
}
