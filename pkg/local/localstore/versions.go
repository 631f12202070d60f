package localstore

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"sync/atomic"
)

// Versions gives out numbers that are never given out again for the same key
// of the same space, also after a crash. A number is a session, counted up
// durably at every opening, and a count within it; so it costs one write an
// opening and none a number, and nothing has to be remembered of what was
// deleted. It is safe for concurrent use.
type Versions struct {
	session uint64
	count   atomic.Uint64
}

// VersionBytes is the size of a version.
const VersionBytes = 16

// Version is one number. Versions of one space are all different.
type Version [VersionBytes]byte

// OpenVersions begins a new session of the counter under key. Only one caller
// may do so at a time.
func OpenVersions(space *Space, key []byte) (*Versions, error) {
	raw, found, err := space.Get(key)
	if err != nil {
		return nil, fmt.Errorf("read version session: %w", err)
	}
	v := &Versions{session: 1}
	if found {
		if len(raw) != 8 {
			return nil, fmt.Errorf("read version session: %d bytes instead of 8", len(raw))
		}
		v.session = binary.BigEndian.Uint64(raw) + 1
	}
	next := binary.BigEndian.AppendUint64(nil, v.session)
	if err := space.Write(func(b *Batch) error { return b.Put(key, next) }); err != nil {
		return nil, fmt.Errorf("begin version session: %w", err)
	}
	return v, nil
}

// Next returns a version that was never returned before.
func (v *Versions) Next() (version Version) {
	binary.BigEndian.PutUint64(version[:8], v.session)
	binary.BigEndian.PutUint64(version[8:], v.count.Add(1))
	return version
}

// String returns the version as text: "" never, and never the same for two
// versions.
func (v Version) String() string {
	b := make([]byte, 0, 20)
	b = strconv.AppendUint(b, binary.BigEndian.Uint64(v[:8]), 36)
	b = strconv.AppendUint(append(b, '.'), binary.BigEndian.Uint64(v[8:]), 36)
	return string(b)
}
