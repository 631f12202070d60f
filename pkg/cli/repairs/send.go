package repairs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/client"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/event"
)

// senders is the number of requests at a time: folding again competes with live traffic
// for the consumers of the event stream, so they must not be flooded.
const senders = 8

// Outcome is what a repair did.
type Outcome struct {
	Request string `json:"request"`
	// Accepted counts the entities that are folded again, and Repeated those for which the
	// log had the request already.
	Accepted int `json:"accepted"`
	Repeated int `json:"repeated,omitempty"`
	// Left are the entities that cannot be folded again in place.
	Left []Left `json:"left,omitempty"`
	// Complete is false if there may be further entities.
	Complete bool `json:"complete"`
	// Applied is set if the active generation has folded all of them again.
	Applied bool `json:"applied"`
}

// Left is an entity that was left out.
type Left struct {
	Entity string `json:"entity"`
	Why    string `json:"why"`
}

// sending sends the requests of a repair.
type sending struct {
	*repair
	client *client.Client
	meter  *progress.Meter

	mu      sync.Mutex
	outcome Outcome
	// reached is the last position of a correction in each lane.
	reached map[event.Lane]event.Position
}

func (r *repair) send(ctx context.Context, c *client.Client, meter *progress.Meter, found Found) error {
	s := &sending{repair: r, client: c, meter: meter, reached: make(map[event.Lane]event.Position),
		outcome: Outcome{Request: r.request, Complete: found.Complete}}
	group, ctx2 := errgroup.WithContext(ctx)
	group.SetLimit(senders)
	for _, entity := range found.Entities {
		if ctx2.Err() != nil {
			break
		}
		group.Go(func() error { return s.one(ctx2, entity, found.Count) })
	}
	if err := cmp.Or(group.Wait(), ctx.Err()); err != nil {
		meter.Done()
		next := "go on with the same command and --request " + r.request + ", which repeats nothing"
		if first := command.HintFor("repair", err); first != "" {
			next = first + "; then " + next
		}
		err = fmt.Errorf("repair %s: after %d of %s: %w", r.request, s.done(), counted(found.Count), err)
		return command.Hint(err, "%s", next)
	}
	if r.wait {
		if err := s.await(ctx); err != nil {
			return err
		}
	}
	meter.Done()
	return s.report()
}

func (s *sending) done() int { return s.outcome.Accepted + s.outcome.Repeated + len(s.outcome.Left) }

// one asks for one entity. Some that cannot be folded again do not stop the others.
func (s *sending) one(ctx context.Context, entity string, all int) error {
	made, err := s.client.Refold(ctx, entity, entities.RefoldRequest{Request: s.request, Reason: s.reason, Who: s.who})
	problem, answered := errors.AsType[*web.Problem](err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && made.Repeated:
		s.outcome.Repeated++
	case err == nil:
		s.outcome.Accepted++
	case answered && slices.Contains([]string{"entity-not-found", "history-too-long", "invalid-entity"}, problem.Kind()):
		s.outcome.Left = append(s.outcome.Left, Left{entity, problem.Detail})
		return nil
	default:
		return err
	}
	s.reached[made.Lane] = max(s.reached[made.Lane], made.Position)
	s.meter.Show(progress.State{Label: "asking to fold again", Fraction: float64(s.done()) / float64(all),
		Detail: fmt.Sprintf("%s of %s entities", progress.Count(int64(s.done())), progress.Count(int64(all)))})
	return nil
}

// pollLanes is how often --wait looks.
const pollLanes = 200 * time.Millisecond

var errNotApplied = errors.New("timed out before all entities were folded again")

// await waits until the active generation has passed every correction.
func (s *sending) await(ctx context.Context) error {
	for start := s.App.Now(); ; {
		view, err := s.client.Lanes(ctx)
		if err != nil {
			return fmt.Errorf("wait until the entities are folded again: %w", err)
		}
		behind := 0
		for _, l := range view.Lanes {
			if l.Applied < s.reached[l.Lane] {
				behind++
			}
		}
		if behind == 0 {
			s.outcome.Applied = true
			return nil
		}
		s.meter.Show(progress.State{Label: "folding again", Fraction: 1 - float64(behind)/float64(len(s.reached)),
			Detail: fmt.Sprintf("%d lanes to go", behind)})
		if s.App.Now().Sub(start) >= s.timeout {
			return command.Hint(errNotApplied, "all is accepted and safe; reprise status shows what lags")
		}
		if err := s.App.Sleep(ctx, pollLanes); err != nil {
			return err
		}
	}
}

func (s *sending) report() error {
	slices.SortFunc(s.outcome.Left, func(a, b Left) int { return cmp.Compare(a.Entity, b.Entity) })
	if err := s.print(); err != nil {
		return err
	}
	if n := len(s.outcome.Left); n > 0 {
		return command.Hint(fmt.Errorf("%s left as before", counted(n)),
			"rebuild the generation: reprise replay start --rebuild --promote")
	}
	return nil
}

func (s *sending) print() error {
	if s.JSON {
		return command.PrintJSON(s.App.Stdout, s.outcome)
	}
	o := &s.outcome
	what := "to be folded again"
	if o.Applied {
		what = "folded again"
	}
	text := fmt.Sprintf("repair %s: %s %s", o.Request, counted(o.Accepted), what)
	if o.Repeated > 0 {
		text += fmt.Sprintf(", %s asked for before", counted(o.Repeated))
	}
	if err := command.Say(s.App.Stdout, "%s", text); err != nil {
		return err
	}
	for _, left := range o.Left {
		if err := command.Say(s.App.Stdout, "left as it is: %s: %s", left.Entity, left.Why); err != nil {
			return err
		}
	}
	return command.Say(s.App.Stdout, "see whether all are right now: reprise verify start --full --wait")
}
