package effects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/event"
)

// Ledger is the effects log: a control.Table of its own. Records are never removed. It is
// safe for concurrent use.
type Ledger struct{ Table control.Table }

func recordsOf(lane event.Lane) string { return "effects#" + lane.String() }

// errMoved says that another worker changed a record. A retry reads it again.
var errMoved = errors.New("another worker changed the record of the call")

// load returns the record of a turn of a call, and "" as its version if there is none.
func (l Ledger) load(ctx context.Context, at Place, system, name, part string, turn int) (
	Record, control.Version, error,
) {
	key := control.Key{Partition: recordsOf(at.Lane), Sort: at.callKey(system, name, part, turn)}
	record, version, err := control.Load[Record](ctx, l.Table, key)
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return Record{}, "", fmt.Errorf("load record of a call: %w", err)
	}
	return record, version, nil
}

// save stores a record if its version is still the one given.
func (l Ledger) save(ctx context.Context, r *Record, previous control.Version) (control.Version, error) {
	at := Place{r.Lane, r.Entity, r.Position}
	key := control.Key{Partition: recordsOf(r.Lane), Sort: at.callKey(r.System, r.Name, r.Part, r.Turn)}
	version, err := control.Store(ctx, l.Table, key, r, previous)
	if errors.Is(err, control.ErrConflict) {
		return "", errMoved
	}
	if err != nil {
		return "", fmt.Errorf("save record of a call: %w", err)
	}
	return version, nil
}

// pageOf bounds the records that are read at a time.
const pageOf = 200

// Calls calls visit for the records of an entity at positions after one and up to another,
// in the order of positions; "" is without a bound. It ends with the first error of visit.
func (l Ledger) Calls(
	ctx context.Context, lane event.Lane, entity string, after, upTo event.Position, visit func(*Record) error,
) error {
	begin := event.EscapeEntity(entity) + "#"
	prefix := begin
	if after != "" {
		// '$' follows '#', so this is behind every record of that position.
		begin += string(after) + "$"
	}
	for {
		docs, err := l.Table.List(ctx, recordsOf(lane), begin, pageOf)
		if err != nil {
			return fmt.Errorf("list records of calls: %w", err)
		}
		for i := range docs {
			if !strings.HasPrefix(docs[i].Sort, prefix) {
				return nil
			}
			record, err := decodeRecord(&docs[i])
			if err != nil {
				return err
			}
			if upTo != "" && record.Position > upTo {
				return nil
			}
			if err := visit(record); err != nil {
				return err
			}
			begin = docs[i].Sort
		}
		if len(docs) < pageOf {
			return nil
		}
	}
}

func decodeRecord(doc *control.Document) (*Record, error) {
	var record Record
	if err := json.Unmarshal(doc.Body, &record); err != nil {
		return nil, fmt.Errorf("decode record of a call: %w", err)
	}
	return &record, nil
}

// Page returns a page of an entity's records in the order of positions, and where the next
// one begins, "" if there is none.
func (l Ledger) Page(ctx context.Context, lane event.Lane, entity, after string, limit int) (
	records []Record, next string, err error,
) {
	prefix := event.EscapeEntity(entity) + "#"
	docs, err := l.Table.List(ctx, recordsOf(lane), prefix+after, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list records of calls: %w", err)
	}
	records = []Record{}
	for i := range docs {
		rest, of := strings.CutPrefix(docs[i].Sort, prefix)
		if !of {
			break
		}
		if len(records) == limit {
			return records, next, nil
		}
		record, err := decodeRecord(&docs[i])
		if err != nil {
			return nil, "", err
		}
		records, next = append(records, *record), rest
	}
	return records, "", nil
}
