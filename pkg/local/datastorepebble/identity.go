package datastorepebble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/local/localstore"
)

// contentBytes is the length of the content digest at the beginning of an
// identity's value; the position follows.
const contentBytes = 8

// entry is an identity with its key.
type entry struct {
	index int
	key   []byte
}

// Identify implements datastore.Generation. It does not wait for the disk: the
// later WriteRows does, and follows it in the one write-ahead log.
func (g *generation) Identify(ctx context.Context, lane event.Lane, events []datastore.Identity) (
	[]datastore.Identity, error,
) {
	if err := datastore.CheckIdentities(events); err != nil {
		return nil, fmt.Errorf("identify events: %w", err)
	}
	end, err := g.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("identify events: %w", err)
	}
	defer end()
	entries, owners := g.entries(lane, events)
	defer g.all.stripes.LockAll(owners)()
	first := slices.Clone(events)
	err = g.all.space.WriteLazily(func(b *localstore.Batch) error {
		for _, e := range entries {
			if err := g.enter(b, e.key, &first[e.index]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("identify events: %w", err)
	}
	return first, nil
}

// entries returns the identities in the order of their keys, in which reads are
// cheapest, and the prefixes of their entities, which are locked.
func (g *generation) entries(lane event.Lane, events []datastore.Identity) (entries []entry, owners [][]byte) {
	entries = make([]entry, len(events))
	prefixes := make(map[string][]byte)
	for i := range events {
		e := &events[i]
		prefix, known := prefixes[e.Entity]
		if !known {
			prefix = identityPrefix(g.data, lane, e.Entity)
			prefixes[e.Entity] = prefix
			owners = append(owners, prefix)
		}
		key := append(make([]byte, 0, len(prefix)+16), prefix...)
		entries[i] = entry{i, appendDigest(key, e.Key)}
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	return entries, owners
}

// enter stores e unless an earlier identity is stored; then it sets e to that.
func (g *generation) enter(b *localstore.Batch, key []byte, e *datastore.Identity) error {
	earlier := false
	_, err := g.all.space.View(key, func(value []byte) error {
		if len(value) < contentBytes {
			return errLayout
		}
		if position := value[contentBytes:]; string(position) <= string(e.Position) {
			earlier = true
			e.Position, e.Content = event.Position(position), binary.BigEndian.Uint64(value)
		}
		return nil
	})
	if err != nil || earlier {
		return err
	}
	var content [contentBytes]byte
	binary.BigEndian.PutUint64(content[:], e.Content)
	return b.Put(key, content[:], []byte(e.Position))
}

func identityPrefix(data []byte, lane event.Lane, entity string) []byte {
	return slices.Concat(data, []byte{identityTag}, []byte(lane.String()), []byte{'#'},
		[]byte(event.EscapeEntity(entity)), []byte{'#'})
}

var _ datastore.Recaller = (*generation)(nil)

// Identities implements datastore.Recaller.
func (g *generation) Identities(
	ctx context.Context, lane event.Lane, from, to string, visit func(datastore.Identity) error,
) error {
	end, err := g.begin(ctx)
	if err != nil {
		return fmt.Errorf("read identities: %w", err)
	}
	defer end()
	prefix := slices.Concat(g.data, []byte{identityTag}, []byte(lane.String()), []byte{'#'})
	upper := localstore.PrefixEnd(prefix)
	if to != "" {
		upper = localstore.PrefixEnd(slices.Concat(prefix, []byte(to)))
	}
	err = g.all.space.Scan(slices.Concat(prefix, []byte(from)), upper, func(key, value []byte) (bool, error) {
		e, err := decodeIdentity(key[len(prefix):], value)
		if err == nil {
			err = visit(e)
		}
		return ctx.Err() == nil, err
	})
	if err := errors.Join(err, ctx.Err()); err != nil {
		return fmt.Errorf("read identities: %w", err)
	}
	return nil
}

// decodeIdentity reads an entry, whose key is the escaped entity id, a '#', and the
// identity.
func decodeIdentity(key, value []byte) (e datastore.Identity, err error) {
	const digestBytes = 16
	at := len(key) - digestBytes
	if at < 1 || key[at-1] != '#' || len(value) < contentBytes {
		return e, errLayout
	}
	if e.Entity, err = event.UnescapeEntity(string(key[:at-1])); err != nil {
		return e, err
	}
	e.Key = event.Digest{Hi: binary.BigEndian.Uint64(key[at:]), Lo: binary.BigEndian.Uint64(key[at+8:])}
	e.Content = binary.BigEndian.Uint64(value)
	e.Position = event.Position(value[contentBytes:])
	return e, nil
}
