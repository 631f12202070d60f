package localstore

import "github.com/cockroachdb/pebble/v2"

// Batch collects operations on one space. It copies keys and values and is valid
// only during the call of fill.
type Batch struct {
	space *Space
	batch *pebble.Batch
}

// Put sets key to the concatenation of parts.
func (b *Batch) Put(key []byte, parts ...[]byte) error {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	op := b.batch.SetDeferred(len(b.space.prefix)+len(key), size)
	copy(op.Key[copy(op.Key, b.space.prefix):], key)
	at := op.Value
	for _, part := range parts {
		at = at[copy(at, part):]
	}
	return op.Finish()
}

// Delete removes key, which need not exist.
func (b *Batch) Delete(key []byte) error {
	op := b.batch.DeleteDeferred(len(b.space.prefix) + len(key))
	copy(op.Key[copy(op.Key, b.space.prefix):], key)
	return op.Finish()
}

// DeleteRange removes the keys from lower (inclusive) to upper (exclusive, nil
// for the end of the space).
func (b *Batch) DeleteRange(lower, upper []byte) error {
	return b.batch.DeleteRange(b.space.key(lower), b.space.upper(upper), nil)
}
