package localstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// key describes a key without showing it: its space, what the space's own
// description says, and the beginning of its hash, by which somebody who knows a
// key can recognise it.
func (d *damages) key(full []byte) string {
	name, key, found := bytes.Cut(full, []byte{0})
	if !found {
		return "nothing"
	}
	text := string(name)
	if describe := d.describe[text]; describe != nil {
		if about := describe(key); about != "" {
			text += ", " + about
		}
	}
	sum := sha256.Sum256(full)
	return text + ", key hash " + hex.EncodeToString(sum[:6])
}
