package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// known reports whether the first event of the export is in the target's log already.
func (j *importJob) known(ctx context.Context) (bool, error) {
	events, err := j.archive.Events()
	if err != nil {
		return false, err
	}
	defer events.Close()
	first, err := events.Next()
	if err != nil {
		return false, nil // an export without events
	}
	want, err := event.Parse(string(first.Line))
	if err != nil {
		return false, fmt.Errorf("read event at %s: %w", first.Position, err)
	}
	page, err := j.to.History(ctx, want.Subject, "", 1000)
	if problem, ok := errors.AsType[*web.Problem](err); ok && problem.Kind() == "entity-not-found" {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for i := range page.Events {
		have, err := event.Parse(string(page.Events[i].Event))
		if err == nil && have.Identity() == want.Identity() {
			return true, nil
		}
	}
	return false, nil
}

// catchUp finds out which events arrived although their answers were lost when an import
// was killed: of each lane those of one request. It can tell if nobody else writes to the
// lane; otherwise those are sent again, and are duplicates.
func (j *importJob) catchUp(ctx context.Context, book *journal) error {
	view, err := j.quiet(ctx)
	if err != nil {
		return err
	}
	last := make(map[event.Lane]int64) // the event that would be the lane's last
	for i := range view.Lanes {
		arrived := view.Lanes[i].Count - book.at.Before[i]
		if more := arrived - book.at.Accepted[i]; more > 0 && more <= batchEvents {
			last[event.Lane(i)] = arrived
		}
	}
	if len(last) == 0 {
		return nil
	}
	return j.eachLast(last, len(view.Lanes), func(lane event.Lane, want *event.Event, logged int64) error {
		found, err := j.isAt(ctx, want, logged, view.Lanes[lane].Position)
		if err != nil || !found {
			return err
		}
		return book.add(map[event.Lane]int64{lane: last[lane] - book.at.Accepted[lane]})
	})
}

// quiet waits until no lane has moved for a while.
func (j *importJob) quiet(ctx context.Context) (view api.LanesView, err error) {
	const looks, interval = 5, 200 * time.Millisecond
	same, before := 0, int64(-1)
	for deadline := j.app.Now().Add(j.timeout); same < looks && j.app.Now().Before(deadline); {
		if view, err = j.to.Lanes(ctx); err != nil {
			return view, err
		}
		same++
		if now := sumOfAll(countsOf(&view)); now != before {
			same, before = 0, now
		}
		j.meter.Show(progress.State{Label: "looking for what arrived", Fraction: -1})
		if err := j.app.Sleep(ctx, interval); err != nil {
			return view, err
		}
	}
	return view, nil
}

// eachLast calls visit for the event of each lane with that number, from 1.
func (j *importJob) eachLast(
	last map[event.Lane]int64, lanes int, visit func(event.Lane, *event.Event, int64) error,
) error {
	division, err := event.NewLanes(lanes)
	if err != nil {
		return err
	}
	events, err := j.archive.Events()
	if err != nil {
		return err
	}
	defer events.Close()
	seen := make([]int64, lanes)
	for {
		e, err := events.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		parsed, err := event.Parse(string(e.Line))
		if err != nil {
			return fmt.Errorf("read event at %s: %w", e.Position, err)
		}
		lane := division.Of(parsed.Subject)
		if seen[lane]++; seen[lane] != last[lane] {
			continue
		}
		if err := visit(lane, &parsed, e.Logged); err != nil {
			return err
		}
	}
}

// isAt reports whether an event is at a position of the target's log.
func (j *importJob) isAt(ctx context.Context, want *event.Event, logged int64, at event.Position) (bool, error) {
	// It lies in the bucket of its logged time, or in a later one.
	day := eventlog.Day.Of(logged)
	for after := string(day) + "_" + lowest; after != ""; {
		page, err := j.to.History(ctx, want.Subject, after, 1000)
		if problem, ok := errors.AsType[*web.Problem](err); ok && problem.Kind() == "entity-not-found" {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		for i := range page.Events {
			if page.Events[i].Position != at {
				continue
			}
			have, err := event.Parse(string(page.Events[i].Event))
			return err == nil && string(have.AppendJSON(nil)) == string(want.AppendJSON(nil)), nil
		}
		after = page.Next
	}
	return false, nil
}

// lowest is a position before all others.
const lowest = "0000-010-0000"
