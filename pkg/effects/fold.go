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
	"reprise/pkg/projection"
)

// fold is a datastore.Generation that holds one entity's row in memory, into which a
// projection.Applier folds by the rules that hold for every row. The identities of an
// entity with very many events are documents of the table. It is for one goroutine.
type fold struct {
	table   control.Table
	applier *projection.Applier
	lane    event.Lane
	row     datastore.Row
}

var _ datastore.Generation = (*fold)(nil)

// step folds one event, and returns the rows before and after it.
func (f *fold) step(ctx context.Context, p *projection.Placed) (before, after datastore.Row, err error) {
	before = f.row
	before.Parked = f.row.Parked.Clone()
	err = f.take(ctx, []projection.Placed{*p})
	return before, f.row, err
}

func (f *fold) take(ctx context.Context, events []projection.Placed) error {
	to := projection.Target{ID: "effects", Generation: f, Lane: f.lane, Refolds: true}
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

// maxEntries bounds how often entering identities finds that somebody else did.
const maxEntries = 16

// Identify implements datastore.Generation.
func (f *fold) Identify(ctx context.Context, lane event.Lane, events []datastore.Identity) (
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

func (f *fold) known(ctx context.Context, lane event.Lane, events []datastore.Identity) (
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
func (f *fold) enter(ctx context.Context, writes []control.Write) (entered bool, err error) {
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
