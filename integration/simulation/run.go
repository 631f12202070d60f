package simulation

// maxSteps bounds a schedule: one that needs more hangs.
const maxSteps = 60_000

// schedule runs the schedule of a seed and returns its world, which says
// whether an invariant was broken. quiesce returns once every goroutine that
// the schedule started waits.
func schedule(f *fixtures, seed uint64, p plant, tracing bool, quiesce func()) (*world, error) {
	w, err := newWorld(f, seed, p, tracing)
	if err != nil {
		return nil, err
	}
	w.begin()
	w.run(quiesce, maxSteps)
	if w.broken == nil {
		w.checkEnd()
	}
	return w, nil
}
