package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// fold is a datastore.Generation that holds one entity's row in memory, into which a
// projection.Applier folds by the rules that hold for every row. It is for one goroutine.
type fold struct {
	applier *projection.Applier
	lane    event.Lane
	row     datastore.Row
	// index is the identity index of entities with many events.
	index index
	// refolds is projection.Target.Refolds.
	refolds bool
}

// index is the part of a datastore.Generation that is its identity index.
type index interface {
	Identify(ctx context.Context, lane event.Lane, events []datastore.Identity) ([]datastore.Identity, error)
}

// identities is an identity index whose entries are documents of the effects log's table.
type identities struct{ table control.Table }

var _ datastore.Generation = (*fold)(nil)

// step folds one event, and returns the rows before and after it.
func (f *fold) step(ctx context.Context, p *projection.Placed) (before, after datastore.Row, err error) {
	before = f.row
	before.Parked = f.row.Parked.Clone()
	err = f.take(ctx, []projection.Placed{*p})
	return before, f.row, err
}

func (f *fold) take(ctx context.Context, events []projection.Placed) error {
	to := projection.Target{ID: "effects", Generation: f, Lane: f.lane, Refolds: f.refolds}
	if _, err := f.applier.Apply(ctx, to, events); err != nil {
		return fmt.Errorf("fold state for effects: %w", err)
	}
	return nil
}

// Rows implements datastore.Generation.
func (f *fold) Rows(_ context.Context, _ event.Lane, entities []string) (map[string]datastore.Row, error) {
	found := make(map[string]datastore.Row, 1)
	for _, entity := range entities {
		if entity == f.row.Entity && f.row.Position != "" {
			found[entity] = f.row
		}
	}
	return found, nil
}

// WriteRows implements datastore.Generation. Nobody else writes, so no condition fails.
func (f *fold) WriteRows(_ context.Context, _ event.Lane, writes []datastore.RowWrite) ([]string, error) {
	for i := range writes {
		f.row = writes[i].Row
	}
	return nil, nil
}

// identity is a document of the identity index.
type identity struct {
	Position event.Position `json:"position"`
	Content  uint64         `json:"content"`
}

func identityKey(lane event.Lane, e *datastore.Identity) control.Key {
	return control.Key{Partition: "identities#" + lane.String(),
		Sort: event.EscapeEntity(e.Entity) + "#" + fmt.Sprintf("%016x%016x", e.Key.Hi, e.Key.Lo)}
}

// Identify implements datastore.Generation.
func (f *fold) Identify(ctx context.Context, lane event.Lane, events []datastore.Identity) (
	[]datastore.Identity, error,
) {
	return f.index.Identify(ctx, lane, events)
}

// maxEntries bounds how often entering identities finds that somebody else did.
const maxEntries = 16

// Identify implements index.
func (f *identities) Identify(ctx context.Context, lane event.Lane, events []datastore.Identity) (
	[]datastore.Identity, error,
) {
	for range maxEntries {
		known, err := f.known(ctx, lane, events)
		if err != nil {
			return nil, err
		}
		var writes []control.Write
		first := make([]datastore.Identity, len(events))
		for i := range events {
			first[i] = events[i]
			key := identityKey(lane, &events[i])
			stored, found := known[key]
			if found && stored.Position <= events[i].Position {
				first[i].Position, first[i].Content = stored.Position, stored.Content
				continue
			}
			body, err := json.Marshal(identity{events[i].Position, events[i].Content})
			if err != nil {
				return nil, fmt.Errorf("encode identity: %w", err)
			}
			writes = append(writes, control.Write{Key: key, Body: body, Previous: stored.version})
		}
		if entered, err := f.enter(ctx, writes); err != nil || entered {
			return first, err
		}
	}
	return nil, fmt.Errorf("enter identities: %w", errMoved)
}

type knownIdentity struct {
	identity
	version control.Version
}

func (f *identities) known(ctx context.Context, lane event.Lane, events []datastore.Identity) (
	map[control.Key]knownIdentity, error,
) {
	keys := make([]control.Key, len(events))
	for i := range events {
		keys[i] = identityKey(lane, &events[i])
	}
	docs, err := f.table.GetAll(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	known := make(map[control.Key]knownIdentity, len(docs))
	for i := range docs {
		one := knownIdentity{version: docs[i].Version}
		if err := json.Unmarshal(docs[i].Body, &one.identity); err != nil {
			return nil, fmt.Errorf("decode identity: %w", err)
		}
		known[docs[i].Key] = one
	}
	return known, nil
}

// enter stores identities, and reports false if somebody else entered some of them.
func (f *identities) enter(ctx context.Context, writes []control.Write) (entered bool, err error) {
	if len(writes) == 0 {
		return true, nil
	}
	results, err := f.table.PutAll(ctx, writes)
	if err != nil {
		return false, fmt.Errorf("enter identities: %w", err)
	}
	return !slices.ContainsFunc(results, func(err error) bool { return err != nil }), nil
}

// errOneRow is the error of what a fold of one entity does not have.
var errOneRow = errors.New("a fold of one entity has one row and no marks")

// Scan implements datastore.Generation. It always fails.
func (f *fold) Scan(context.Context, event.Lane, string, int) ([]datastore.Row, error) {
	return nil, errOneRow
}

// Parked implements datastore.Generation. It always fails.
func (f *fold) Parked(context.Context, event.Lane, string, int) ([]datastore.Row, error) {
	return nil, errOneRow
}

// Mark implements datastore.Generation. It always fails.
func (f *fold) Mark(context.Context, datastore.MarkName, event.Lane) (
	datastore.Mark, datastore.MarkVersion, error,
) {
	return datastore.Mark{}, "", errOneRow
}

// SetMark implements datastore.Generation. It always fails.
func (f *fold) SetMark(
	context.Context, datastore.MarkName, event.Lane, datastore.Mark, datastore.MarkVersion,
) (datastore.MarkVersion, error) {
	return "", errOneRow
}

// histories reads entities' events from the log.
type histories struct {
	view    eventlog.View
	buckets Buckets
}

// Buckets finds the buckets in which an entity has events up to a head, and possibly others.
type Buckets = func(context.Context, event.Lane, string, eventlog.Head) ([]eventlog.Bucket, error)

var errPage = errors.New("page is full")

// history reads up to a number of the entity's events, after one position and up to
// another.
func (h *histories) history(
	ctx context.Context, lane event.Lane, entity string, after, upTo event.Position, limit int,
) (page []projection.Placed, more bool, err error) {
	head, err := h.view.Heads.Load(ctx, lane)
	if err != nil {
		return nil, false, err
	}
	buckets, err := h.buckets(ctx, lane, entity, head)
	if err != nil {
		return nil, false, err
	}
	err = h.view.History(ctx, lane, entity, buckets, after, upTo, func(b eventlog.Bucket, e *eventlog.Entry) error {
		if len(page) == limit {
			more = true
			return errPage
		}
		placed, err := projection.PlacedOf(b, e)
		page = append(page, placed)
		return err
	})
	if errors.Is(err, errPage) {
		err = nil
	}
	return page, more, err
}

// waitingEvents returns the events behind a parked one, and the identities that the
// corrections among them name.
func (h *histories) waitingEvents(
	ctx context.Context, lane event.Lane, entity string, before *datastore.Row, upTo event.Position,
) (events []projection.Placed, named map[event.Digest]bool, err error) {
	events, more, err := h.history(ctx, lane, entity, before.Parked.Position, upTo, projection.MaxRefoldEvents)
	if err != nil {
		return nil, nil, err
	}
	if more {
		return nil, nil, fmt.Errorf("react to events behind a parked one: more than %d", projection.MaxRefoldEvents)
	}
	named = make(map[event.Digest]bool)
	for i := range events {
		if skip, is := event.SkipOf(&events[i].Event); is {
			named[skip.Named()] = true
		}
	}
	return events, named, nil
}

// releasing folds the events that waited behind a parked one, from the row before the
// correction that had them applied, one by one. It ends with the first error of visit, or at
// an event at which the entity is parked again.
func (f *fold) releasing(
	ctx context.Context, before *datastore.Row, events []projection.Placed, named map[event.Digest]bool,
	visit func(p *projection.Placed, before, after *datastore.Row) error,
) error {
	again := *f
	again.row = *before
	again.row.Position, again.row.Parked = before.Parked.Position, nil
	for i := range events {
		old, now, err := again.step(ctx, &events[i])
		if err != nil {
			return err
		}
		if now.Parked != nil && !named[events[i].Event.Identity()] {
			return nil
		}
		if now.Parked != nil {
			again.row.Parked = nil
			continue
		}
		if err := visit(&events[i], &old, &now); err != nil {
			return err
		}
	}
	return nil
}
