package asl

import (
	"context"
	"fmt"
	"time"
)

// Prune removes executions that ended before a time, with their history, map
// runs and children, and returns how many. Their names are free again. Ends
// that OnEnd has not taken yet keep their execution.
func (e *Engine) Prune(_ context.Context, before time.Time) (int, error) {
	return e.prune(spaceEnded, endedKey(before, ""), -1)
}

// countEnded counts what KeepEnded bounds.
func (e *Engine) countEnded() error {
	n := 0
	err := e.journal.Scan(spaceEnded, after(spaceEnded), func(string, []byte) (bool, error) {
		n++
		return true, nil
	})
	e.mu.Lock()
	e.ended = n
	e.mu.Unlock()
	return err
}

// pruneExcess removes the oldest ended executions beyond KeepEnded.
func (e *Engine) pruneExcess() error {
	e.mu.Lock()
	excess := e.ended - e.config.KeepEnded
	e.mu.Unlock()
	if e.config.KeepEnded == 0 || excess <= 0 {
		return nil
	}
	_, err := e.prune(spaceEnded, after(spaceEnded), excess)
	return err
}

func (e *Engine) prune(lower, upper string, limit int) (int, error) {
	e.startMu.Lock()
	defer e.startMu.Unlock()
	var keys []string
	err := e.journal.Scan(lower, upper, func(key string, _ []byte) (bool, error) {
		keys = append(keys, key)
		return limit < 0 || len(keys) < limit, nil
	})
	if err != nil {
		return 0, fmt.Errorf("prune executions: %w", err)
	}
	removed := 0
	for _, key := range keys {
		id := key[len(spaceEnded)+17:]
		_, waiting, err := e.journal.Get(spaceNotice + id)
		if err != nil {
			return removed, fmt.Errorf("prune executions: %w", err)
		}
		// One whose children are still being stopped goes the next time.
		if waiting || e.liveExecution(id) != nil {
			continue
		}
		if err := e.remove(id, key); err != nil {
			return removed, fmt.Errorf("prune execution %s: %w", id, err)
		}
		removed++
		e.mu.Lock()
		e.ended--
		e.mu.Unlock()
	}
	return removed, nil
}

// remove deletes an ended execution. Its own record goes last, so that a crash
// in between leaves something to prune again.
func (e *Engine) remove(id, endedKey string) error {
	record, found, err := load[executionRecord](e.journal, spaceExecution+id)
	if err != nil || !found {
		return err
	}
	if err := e.removeRuns(id); err != nil {
		return err
	}
	ops := append(removal(id), Op{Key: endedKey}, Op{Key: listKey(record.Machine, record.Start, id)})
	return e.journal.Write(ops)
}

func removal(id string) []Op {
	history := spaceHistory + id + "\x00"
	return []Op{{Key: history, Until: after(history)}, {Key: spaceSequence + id}, {Key: spaceExecution + id}}
}

// removeRuns deletes the map runs of an execution and their children.
func (e *Engine) removeRuns(id string) error {
	prefix := spaceRunList + id + "\x00"
	var runs []string
	err := e.journal.Scan(prefix, after(prefix), func(_ string, run []byte) (bool, error) {
		runs = append(runs, string(run))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, run := range runs {
		var children []string
		err := e.children(run, func(child executionRecord) bool {
			children = append(children, child.ID)
			return true
		})
		if err != nil {
			return err
		}
		for _, child := range children {
			if err := e.removeRuns(child); err != nil {
				return err
			}
			if err := e.journal.Write(removal(child)); err != nil {
				return err
			}
		}
		index := spaceChild + run + "\x00"
		if err := e.journal.Write([]Op{{Key: index, Until: after(index)}, {Key: spaceRun + run}}); err != nil {
			return err
		}
	}
	return e.journal.Write([]Op{{Key: prefix, Until: after(prefix)}})
}
