package personal

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/personal/sealed"
)

// Material keeps the bytes of wrapped keys apart from the table that refers to them, where
// a table cannot promise that the bytes of what it has replaced are gone. It is safe for
// concurrent use.
type Material interface {
	// Keep stores keys durably, each at a new place.
	Keep(keys [][]byte) (places []int64, err error)
	// Read returns the key at a place, nil if it was destroyed.
	Read(place int64) ([]byte, error)
	// Destroy overwrites the key at a place, durably. It does no harm to repeat it.
	Destroy(places ...int64) error
}

// TableKeys are keys in a table of documents. They are safe for concurrent use.
type TableKeys struct {
	Table control.Table
	// Material has the keys' bytes; nil means that the documents do, which is right for a
	// table that keeps nothing of a document that was replaced.
	Material Material
}

const (
	// partitionKeys begins the partitions of the rows: 256, over which references spread.
	partitionKeys = "personal-keys#"
	// partitionErasures lists the erasures whose keys may not be overwritten yet.
	partitionErasures = "personal-erasures"
)

// document is a stored row.
type document struct {
	Generation uint32    `json:"generation"`
	Created    time.Time `json:"created"`
	// Key is the wrapped key, or Place where Material has it. Both are absent once the
	// key is erased.
	Key      []byte    `json:"key,omitempty"`
	Place    *int64    `json:"place,omitempty"`
	Erasures []Erasure `json:"erasures,omitempty"`
	// Doomed is the place of a key that is erased, and that may not be overwritten yet.
	Doomed *int64 `json:"doomed,omitempty"`
}

func keyOf(ref sealed.Ref) control.Key {
	text := ref.String()
	return control.Key{Partition: partitionKeys + text[:2], Sort: text}
}

func pendingOf(ref sealed.Ref) control.Key {
	return control.Key{Partition: partitionErasures, Sort: ref.String()}
}

func refOf(text string) (ref sealed.Ref, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(ref) {
		return ref, fmt.Errorf("%q is no reference to a data subject", text)
	}
	copy(ref[:], raw)
	return ref, nil
}

// Load implements Keys.
func (k *TableKeys) Load(ctx context.Context, refs []sealed.Ref) (map[sealed.Ref]Row, error) {
	rows := make(map[sealed.Ref]Row, len(refs))
	for len(refs) > 0 {
		some := refs[:min(len(refs), control.MaxBatch)]
		refs = refs[len(some):]
		if err := k.load(ctx, some, rows); err != nil {
			return nil, fmt.Errorf("load keys: %w", err)
		}
	}
	return rows, nil
}

func (k *TableKeys) load(ctx context.Context, refs []sealed.Ref, rows map[sealed.Ref]Row) error {
	keys := make([]control.Key, len(refs))
	for i, ref := range refs {
		keys[i] = keyOf(ref)
	}
	docs, err := k.Table.GetAll(ctx, keys)
	if err != nil {
		return err
	}
	for i := range docs {
		ref, err := refOf(docs[i].Sort)
		if err != nil {
			return err
		}
		var doc document
		if err := json.Unmarshal(docs[i].Body, &doc); err != nil {
			return fmt.Errorf("decode row: %w", err)
		}
		if rows[ref], err = k.row(&doc, docs[i].Version); err != nil {
			return err
		}
	}
	return nil
}

// row reads a document's key.
func (k *TableKeys) row(doc *document, version control.Version) (row Row, err error) {
	row = Row{Version: version, Generation: doc.Generation, Wrapped: doc.Key, Created: doc.Created,
		Erasures: doc.Erasures, Unfinished: doc.Doomed != nil}
	switch {
	case doc.Place == nil:
	case k.Material == nil:
		return Row{}, errors.New("the key is in another store")
	default:
		row.Wrapped, err = k.Material.Read(*doc.Place)
	}
	return row, err
}

// Create implements Keys.
func (k *TableKeys) Create(ctx context.Context, keys []NewKey, now time.Time) error {
	for len(keys) > 0 {
		some := keys[:min(len(keys), control.MaxBatch)]
		keys = keys[len(some):]
		if err := k.create(ctx, some, now); err != nil {
			return fmt.Errorf("store keys: %w", err)
		}
	}
	return nil
}

func (k *TableKeys) create(ctx context.Context, keys []NewKey, now time.Time) error {
	keys, err := k.finished(ctx, keys)
	if err != nil || len(keys) == 0 {
		return err
	}
	places, err := k.keep(keys)
	if err != nil {
		return err
	}
	writes := make([]control.Write, len(keys))
	for i, key := range keys {
		doc := document{Generation: key.Previous.Generation + 1, Created: now, Erasures: key.Previous.Erasures}
		if places != nil {
			doc.Place = &places[i]
		} else {
			doc.Key = key.Wrapped
		}
		body, err := json.Marshal(doc)
		if err != nil {
			return fmt.Errorf("encode row: %w", err)
		}
		writes[i] = control.Write{Key: keyOf(key.Ref), Body: body, Previous: key.Previous.Version}
	}
	failed, err := k.Table.PutAll(ctx, writes)
	if err != nil {
		return err // some may be stored, so no place is given up
	}
	var late []int64
	for i, err := range failed {
		if err != nil && places != nil {
			late = append(late, places[i])
		}
	}
	if len(late) > 0 {
		return k.Material.Destroy(late...)
	}
	return nil
}

// finished leaves out the keys of subjects whose erasure was interrupted, and completes it:
// a new row would no longer say where the old key is. Those who wait for the keys read the
// rows again.
func (k *TableKeys) finished(ctx context.Context, keys []NewKey) (ready []NewKey, err error) {
	for _, key := range keys {
		if !key.Previous.Unfinished {
			ready = append(ready, key)
		} else if _, err := k.finish(ctx, key.Ref); err != nil {
			return nil, err
		}
	}
	return ready, nil
}

func (k *TableKeys) keep(keys []NewKey) ([]int64, error) {
	if k.Material == nil {
		return nil, nil
	}
	bytes := make([][]byte, len(keys))
	for i, key := range keys {
		bytes[i] = key.Wrapped
	}
	return k.Material.Keep(bytes)
}
