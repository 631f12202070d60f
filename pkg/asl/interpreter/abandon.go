package interpreter

import (
	"reprise/pkg/asl/journal"
	"reprise/pkg/asl/states"
)

// StopOrphan stops a child execution that is still running in the journal
// although its map run, or the execution of that map run, has ended.
func (rt *Runtime) StopOrphan(child journal.Execution) error {
	run, found, err := journal.Load[journal.Run](rt.journal, journal.RunKey(child.Run))
	if err != nil {
		return err
	}
	if found && run.Status == states.StatusRunning {
		parent, _, err := journal.Load[journal.Execution](rt.journal, journal.ExecutionKey(run.Execution))
		if err != nil || parent.Status == states.StatusRunning {
			return err
		}
		return rt.abandon(run.ID)
	}
	x, err := rt.open(child)
	if err != nil {
		return err
	}
	if _, err = x.End(states.StatusAborted, &states.Failure{Cause: "The map run ended."}); err != nil {
		return err
	}
	return rt.abandonRuns(child.ID)
}

// abandon ends a map run that no goroutine drives, and its child executions.
func (rt *Runtime) abandon(run string) error {
	record, found, err := journal.Load[journal.Run](rt.journal, journal.RunKey(run))
	if err != nil || !found || record.Status != states.StatusRunning {
		return err
	}
	var open []journal.Execution
	err = journal.EachChild(rt.journal, run, func(child journal.Execution) bool {
		if child.Status == states.StatusRunning {
			open = append(open, child)
		}
		return true
	})
	if err != nil {
		return err
	}
	record.Status, record.Stop = states.StatusAborted, rt.clock.Now()
	op, err := journal.Put(journal.RunKey(run), record)
	if err != nil {
		return err
	}
	if err := rt.journal.Write([]journal.Op{op}); err != nil {
		return err
	}
	for _, child := range open {
		if err := rt.StopOrphan(child); err != nil {
			return err
		}
	}
	return nil
}

// abandonRuns ends the map runs of an execution that has ended and has no
// goroutines left.
func (rt *Runtime) abandonRuns(id string) error {
	runs, err := journal.Values(rt.journal, journal.Runs(id))
	for _, run := range runs {
		if err == nil {
			err = rt.abandon(run)
		}
	}
	return err
}
