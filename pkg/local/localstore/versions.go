package localstore

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"sync/atomic"
)

// Versions generates versions that are unique in a space, even after a crash. A
// version is the number of a session, which is durably incremented at every
// opening, and a count within the session. So an opening costs one write, a
// version costs none, and nothing remembers deleted keys. It is safe for
// concurrent use.
type Versions struct {
	session uint64
	count   atomic.Uint64
}

// VersionBytes is the size of a version.
const VersionBytes = 16

// Version is unique within one space.
type Version [VersionBytes]byte

// OpenVersions begins a new session of the counter under key. Calls must not run
// concurrently.
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
	if space.db.readOnly {
		return v, nil // nothing is written in this session
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

// String returns the version as text, which is unique as well and never "".
func (v Version) String() string {
	b := make([]byte, 0, 20)
	b = strconv.AppendUint(b, binary.BigEndian.Uint64(v[:8]), 36)
	b = strconv.AppendUint(append(b, '.'), binary.BigEndian.Uint64(v[8:]), 36)
	return string(b)
}
