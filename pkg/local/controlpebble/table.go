package controlpebble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/control"
	"reprise/pkg/local/localstore"
)

// A document's key is a letter, the length of the partition in two bytes, the
// partition and the sort key, so that a partition is one key range in the order
// of its sort keys. Its value is the version followed by the body.
//
// Versions come from localstore.Versions: 16 bytes that cost no write, need no
// randomness, and never repeat even after a document was deleted.
const (
	documentTag = 'd'
	sessionKey  = "s"
)

// Table is a control.Table on the local store. It is safe for concurrent use.
type Table struct {
	space    *localstore.Space
	versions *localstore.Versions
	stripes  *localstore.Stripes
}

var _ control.Table = (*Table)(nil)

// New opens the table in space. Only one Table may use a space at a time.
func New(space *localstore.Space) (*Table, error) {
	versions, err := localstore.OpenVersions(space, []byte(sessionKey))
	if err != nil {
		return nil, fmt.Errorf("open control table: %w", err)
	}
	return &Table{space: space, versions: versions, stripes: localstore.NewStripes()}, nil
}

func partitionPrefix(partition string, spare int) []byte {
	b := make([]byte, 0, 3+len(partition)+spare)
	b = binary.BigEndian.AppendUint16(append(b, documentTag), uint16(len(partition)))
	return append(b, partition...)
}

func storedKey(key control.Key) []byte {
	return append(partitionPrefix(key.Partition, len(key.Sort)), key.Sort...)
}

// Get implements control.Table.
func (t *Table) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if err := errors.Join(ctx.Err(), key.Check()); err != nil {
		return control.Document{}, fmt.Errorf("get document: %w", err)
	}
	doc, found, err := t.read(key)
	if err != nil {
		return control.Document{}, fmt.Errorf("get document: %w", err)
	}
	if !found {
		return control.Document{}, control.ErrNotFound
	}
	return doc, nil
}

func (t *Table) read(key control.Key) (doc control.Document, found bool, err error) {
	found, err = t.space.View(storedKey(key), func(value []byte) error {
		doc, err = decode(key, value)
		return err
	})
	return doc, found, err
}

func decode(key control.Key, value []byte) (control.Document, error) {
	if len(value) < localstore.VersionBytes {
		return control.Document{}, fmt.Errorf("decode document: value of %d bytes", len(value))
	}
	version := localstore.Version(value[:localstore.VersionBytes])
	return control.Document{Key: key, Version: control.Version(version.String()),
		Body: bytes.Clone(value[localstore.VersionBytes:])}, nil
}

// GetAll implements control.Table.
func (t *Table) GetAll(ctx context.Context, keys []control.Key) ([]control.Document, error) {
	distinct, err := control.Distinct(keys)
	if err := errors.Join(ctx.Err(), err); err != nil {
		return nil, fmt.Errorf("get documents: %w", err)
	}
	docs := make([]control.Document, 0, len(distinct))
	for _, key := range distinct {
		doc, err := t.Get(ctx, key)
		if errors.Is(err, control.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// List implements control.Table.
func (t *Table) List(ctx context.Context, partition, after string, limit int) ([]control.Document, error) {
	if err := errors.Join(ctx.Err(), control.CheckRange(partition, after)); err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	if limit < 1 {
		return nil, nil
	}
	prefix := partitionPrefix(partition, 0)
	lower := prefix
	if after != "" {
		lower = slices.Concat(prefix, []byte(after), []byte{0})
	}
	var docs []control.Document
	err := t.space.Scan(lower, localstore.PrefixEnd(prefix), func(key, value []byte) (bool, error) {
		doc, err := decode(control.Key{Partition: partition, Sort: string(key[len(prefix):])}, value)
		docs = append(docs, doc)
		return len(docs) < limit && ctx.Err() == nil, err
	})
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	return docs, nil
}
