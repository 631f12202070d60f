package engine

import (
	"context"
	"fmt"
	"time"

	"reprise/pkg/asl/journal"
)

// Prune removes executions that ended before a time, with their history, map
// runs and child executions, and returns how many. Their names can be used
// again. It keeps an execution until OnEnd has accepted its end.
func (e *Engine) Prune(_ context.Context, before time.Time) (int, error) {
	return e.prune(journal.Ended, journal.EndedKey(before, ""), -1)
}

// countEnded counts the ended executions, for KeepEnded.
func (e *Engine) countEnded() error {
	names, err := journal.Names(e.journal, journal.Ended)
	e.mu.Lock()
	e.ended = len(names)
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
	_, err := e.prune(journal.Ended, journal.After(journal.Ended), excess)
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
		id := journal.EndedID(key)
		_, waiting, err := e.journal.Get(journal.NoticeKey(id))
		if err != nil {
			return removed, fmt.Errorf("prune executions: %w", err)
		}
		// If its child executions are still being stopped, a later prune
		// removes the execution.
		if waiting || e.runtime.Live(id) != nil {
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

// remove deletes an ended execution, its own record last, so that after a crash
// in between it can be pruned again.
func (e *Engine) remove(id, endedKey string) error {
	record, found, err := journal.Load[journal.Execution](e.journal, journal.ExecutionKey(id))
	if err != nil || !found {
		return err
	}
	if err := e.removeRuns(id); err != nil {
		return err
	}
	listed := journal.ListKey(record.Machine, record.Start, id)
	return e.journal.Write(append(removal(id), journal.Op{Key: endedKey}, journal.Op{Key: listed}))
}

func removal(id string) []journal.Op {
	return []journal.Op{
		journal.Remove(journal.History(id)),
		{Key: journal.SequenceKey(id)},
		{Key: journal.ExecutionKey(id)},
	}
}

// removeRuns deletes the map runs of an execution and their child executions.
func (e *Engine) removeRuns(id string) error {
	runs, err := journal.Values(e.journal, journal.Runs(id))
	if err != nil {
		return err
	}
	for _, run := range runs {
		children, err := journal.Values(e.journal, journal.Children(run))
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
		ops := []journal.Op{journal.Remove(journal.Children(run)), {Key: journal.RunKey(run)}}
		if err := e.journal.Write(ops); err != nil {
			return err
		}
	}
	return e.journal.Write([]journal.Op{journal.Remove(journal.Runs(id))})
}
