package effects

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/datastore"
	"reprise/pkg/effects/guard"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/gateway"
	"reprise/pkg/projection"
)

// entitiesAtOnce bounds the entities of a lane whose effects are worked on at a time.
const entitiesAtOnce = 16

// Reactor lets a service react to the events of the live path. It follows the event stream
// by a projection.Live with marks of its own, so neither log nor Data Store waits for it;
// an entity whose reaction fails waits, and the lane goes on. It is safe for concurrent
// use, and two of them on one lane do no harm.
type Reactor struct {
	Ledger  Ledger
	Service gateway.Service
	Systems gateway.Systems
	// Applier folds states; it is one that is Aside.
	Applier *projection.Applier
	// Reveal puts personal values in the place of sealed ones, just before a body is sent;
	// nil where none are sealed.
	Reveal func(ctx context.Context, text []byte) ([]byte, error)
	// View and Buckets read histories.
	View    eventlog.View
	Buckets Buckets
	Now     func() time.Time
	Log     *slog.Logger
	// Attempts bounds the attempts of a reaction before the entity's effects are parked, and
	// ReactFor the time of one; 0 means DefaultAttempts and DefaultReactFor.
	Attempts int
	ReactFor time.Duration

	histories
	calls  gateway.Calls
	types  map[string]bool
	caller *caller
	guard  *guard.Guard
	// born are the lanes in which the calls are known to be recorded.
	born *sync.Map
}

// The defaults of a Reactor. With the growing intervals between them, the attempts take
// about two hours.
const (
	DefaultAttempts = 20
	DefaultReactFor = 60 * time.Second
)

// NewReactor checks the service's declarations and makes a Reactor of its parts. It returns
// gateway.ErrDeclaration if they cannot be kept.
func NewReactor(parts Reactor) (*Reactor, error) {
	r := &parts
	var err error
	if r.calls, err = gateway.Declared(r.Service); err != nil {
		return nil, err
	}
	r.types = make(map[string]bool)
	for _, eventType := range r.Service.Types() {
		r.types[eventType] = true
	}
	if r.Attempts == 0 {
		r.Attempts = DefaultAttempts
	}
	if r.ReactFor == 0 {
		r.ReactFor = DefaultReactFor
	}
	r.histories = histories{r.View, r.Buckets}
	r.caller = &caller{
		ledger:  r.Ledger,
		systems: r.Systems,
		resting: guard.NewResting(),
		turns:   guard.NewTurns(),
		reveal:  r.Reveal,
		now:     r.Now,
	}
	r.guard = &guard.Guard{Limit: r.ReactFor}
	r.born = &sync.Map{}
	return r, nil
}

var _ projection.Follower = (*Reactor)(nil)

// Version is the service's name and version, as it is recorded with every call.
func (r *Reactor) Version() string {
	return r.Service.Name() + "@" + strconv.Itoa(r.Service.Version())
}

// Marks implements projection.Follower.
func (r *Reactor) Marks() datastore.Generation { return &marks{table: r.Ledger.Table} }

// Permit implements projection.Follower.
func (r *Reactor) Permit(context.Context) (projection.Permission, error) { return projection.Goes, nil }

// Ignored implements projection.Follower. The Data Store counts these events.
func (r *Reactor) Ignored([]projection.Placed) datastore.Ignored { return datastore.Ignored{} }

// Overlooks implements projection.Follower: the service goes on, and says that it has not
// reacted to some events.
func (r *Reactor) Overlooks(ctx context.Context, lane event.Lane, missed int) bool {
	r.Log.LogAttrs(ctx, slog.LevelError, "events never came to the service in their order",
		slog.String("lane", lane.String()), slog.Int("events", missed))
	return true
}

// Lose implements projection.Follower: marks that are missing are those of a service that
// has not begun yet. The keeper of consumers begins it.
func (r *Reactor) Lose(_ context.Context, loss datastore.Loss) (bool, error) {
	return false, fmt.Errorf("react to events of lane %s: %w", loss.Lane, projection.ErrDetached)
}

// Apply implements projection.Follower: it lets the service react to events. An error is
// one of the stores; what a service or system does wrong makes its entity wait.
func (r *Reactor) Apply(
	ctx context.Context, lane event.Lane, mark event.Position, events []projection.Placed,
) (projection.Tally, error) {
	if err := r.beBorn(ctx, lane, mark); err != nil {
		return projection.Tally{}, err
	}
	var order []string
	byEntity := make(map[string][]*projection.Placed)
	for i := range events {
		entity := events[i].Event.Subject
		if byEntity[entity] == nil {
			order = append(order, entity)
		}
		byEntity[entity] = append(byEntity[entity], &events[i])
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(entitiesAtOnce)
	for _, entity := range order {
		group.Go(func() error { return r.entity(ctx, lane, mark, entity, byEntity[entity]) })
	}
	if err := group.Wait(); err != nil {
		return projection.Tally{}, fmt.Errorf("react to events of lane %s: %w", lane, err)
	}
	return projection.Tally{}, nil
}

// beBorn records since when the service's calls exist, once for each lane and process.
func (r *Reactor) beBorn(ctx context.Context, lane event.Lane, mark event.Position) error {
	if _, done := r.born.Load(lane); done {
		return nil
	}
	ids := make([]string, 0, len(r.calls))
	for id := range r.calls {
		ids = append(ids, id)
	}
	if err := r.Ledger.bear(ctx, lane, ids, mark); err != nil {
		return err
	}
	r.born.Store(lane, true)
	return nil
}

// maxMoves bounds how often an entity is begun again because another worker was faster.
const maxMoves = 8

// entity lets the service react to a batch of an entity's events.
func (r *Reactor) entity(
	ctx context.Context, lane event.Lane, mark event.Position, entity string, events []*projection.Placed,
) error {
	for range maxMoves {
		run, err := r.begin(ctx, lane, entity, mark)
		if err != nil {
			return err
		}
		if run.memory.Waiting == nil {
			err = run.live(ctx, events)
		} else {
			err = run.wait(ctx, events[len(events)-1].Position)
		}
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("react to events of an entity: %w", errMoved)
}
