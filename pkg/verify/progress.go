package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/meter"
)

// bucketsPerPart bounds the buckets whose sums are in one document, of about 50 bytes
// each.
const bucketsPerPart = 3000

// sumsPart is a part of a lane's sums after a span. The parts of two spans in a row
// have different keys, so that those of the stored progress are there whenever a
// Checker ends.
type sumsPart struct {
	packed
	// Spans and After are those of the progress that the sums belong to.
	Spans int    `json:"spans"`
	After string `json:"after"`
	// Parts is the number of parts.
	Parts int `json:"parts"`
}

func sumsKey(id string, lane event.Lane, spans, part int) control.Key {
	return control.Key{Partition: Partition(id), Sort: fmt.Sprintf("sums#%s#%d#%04d", lane, spans%2, part)}
}

// ErrOvertaken says that another Checker has verified the same span. A retry goes on
// after it.
var ErrOvertaken = errors.New("another checker verifies the same lane")

// loadLane sets a lane's cut, progress and sums to the stored ones.
func (s Store) loadLane(ctx context.Context, id string, l *lane) error {
	l.verification, l.sums = id, make(bucketSums)
	cut, _, err := control.Load[laneCut](ctx, s.Table, cutKey(id, l.id))
	if err != nil {
		return fmt.Errorf("load cut of lane %s: %w", l.id, err)
	}
	l.cut, l.since = cut.Head, cut.Since
	l.progress, l.stored, err = control.Load[Progress](ctx, s.Table, progressKey(id, l.id))
	if errors.Is(err, control.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load progress of lane %s: %w", l.id, err)
	}
	if l.progress.Done || l.progress.After == "" {
		return nil
	}
	whole, err := s.loadSums(ctx, id, l)
	if err != nil {
		return fmt.Errorf("load sums of lane %s: %w", l.id, err)
	}
	if !whole { // another Checker has replaced them: the lane has to be verified anew
		l.progress, l.sums = Progress{}, make(bucketSums)
	}
	return nil
}

// loadSums reports whether the stored sums are those of the lane's progress.
func (s Store) loadSums(ctx context.Context, id string, l *lane) (whole bool, err error) {
	for part, parts := 0, 1; part < parts; part++ {
		stored, _, err := control.Load[sumsPart](ctx, s.Table, sumsKey(id, l.id, l.progress.Spans, part))
		if errors.Is(err, control.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if stored.Spans != l.progress.Spans || stored.After != l.progress.After {
			return false, nil
		}
		if err := l.sums.unpack(stored.packed); err != nil {
			return false, err
		}
		parts = stored.Parts
	}
	return true, nil
}

// saveProgress stores a lane's progress, with what differs in its last span.
func (s Store) saveProgress(ctx context.Context, l *lane, found *Findings) error {
	p := &l.progress
	p.Spans++
	p.Findings.addAll(*found)
	if !p.Done {
		if err := s.saveSums(ctx, l); err != nil {
			return fmt.Errorf("store sums: %w", err)
		}
	}
	p.WriteUnits += writeCost(*p)
	version, err := control.Store(ctx, s.Table, progressKey(l.verification, l.id), *p, l.stored)
	if errors.Is(err, control.ErrConflict) {
		err = ErrOvertaken
	}
	if err != nil {
		return fmt.Errorf("store progress: %w", err)
	}
	l.stored = version
	return nil
}

func (s Store) saveSums(ctx context.Context, l *lane) error {
	parts := l.sums.pack(bucketsPerPart)
	if len(parts) == 0 {
		parts = []packed{{}}
	}
	for i, p := range parts {
		part := sumsPart{packed: p, Spans: l.progress.Spans, After: l.progress.After, Parts: len(parts)}
		key := sumsKey(l.verification, l.id, l.progress.Spans, i)
		l.progress.WriteUnits += writeCost(part)
		_, err := control.Update(ctx, s.Table, key, func(stored *sumsPart, _ bool) error {
			*stored = part
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// EachLane calls visit for the progress of every lane that was begun, in order.
func (s Store) EachLane(ctx context.Context, id string, visit func(lane string, p Progress) error) error {
	const prefix = "lane#"
	err := control.Each(ctx, s.Table, Partition(id), prefix, func(sort string, p Progress) error {
		if len(sort) < len(prefix) || sort[:len(prefix)] != prefix {
			return errStop
		}
		return visit(sort[len(prefix):], p)
	})
	if err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("list lanes of verification %s: %w", id, err)
	}
	return nil
}

// errStop ends a listing early.
var errStop = errors.New("stop")

// turn says which verification of a generation is running, or which one rebuilds.
type turn struct {
	Verification string    `json:"verification"`
	Since        time.Time `json:"since"`
}

const turnsPartition = rowsPartition + "-running"

// rebuildTurn is the turn of verifications that rebuild: one builds a throwaway at a time.
const rebuildTurn = "rebuild"

func turnKey(of string) control.Key { return control.Key{Partition: turnsPartition, Sort: of} }

// takeTurn makes a verification the one of its generation, or the one that rebuilds, or
// returns ErrBusy.
func (s Store) takeTurn(ctx context.Context, of, id string) error {
	_, err := control.Update(ctx, s.Table, turnKey(of), func(t *turn, exists bool) error {
		if exists && t.Verification == id {
			return control.Unchanged()
		}
		if exists {
			if err := s.free(ctx, t); err != nil {
				return err
			}
		}
		*t = turn{id, s.Now().UTC()}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin verification %s: %w", id, err)
	}
	return nil
}

// free returns ErrBusy unless the verification that has the turn is over.
func (s Store) free(ctx context.Context, t *turn) error {
	row, err := s.Load(ctx, t.Verification)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil && !row.Status.Ended() {
		return fmt.Errorf("%w: %s", ErrBusy, t.Verification)
	}
	return err
}

// Throwaway is the rebuild of a verification. Its replay has the name of the verification.
type Throwaway struct {
	// Begun is when it was asked for, and Ended when the replay was found to have ended.
	Begun time.Time  `json:"begun"`
	Ended *time.Time `json:"ended,omitempty"`
	// Generation is the throwaway, "" until it is known.
	Generation string `json:"generation,omitempty"`
	// Failure is why the replay failed; then there is no throwaway to verify.
	Failure *Failure `json:"failure,omitempty"`
	// Used is what the replay has used, once it has ended.
	Used meter.Usage `json:"used,omitzero"`
	// Looks counts how often its execution has looked.
	Looks int `json:"looks,omitempty"`
}

// built reports whether there is a throwaway to verify.
func (t *Throwaway) built() bool {
	return t != nil && t.Ended != nil && t.Failure == nil && t.Generation != ""
}
