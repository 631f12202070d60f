package eventlog

import (
	"encoding/binary"
	"hash/fnv"

	"reprise/pkg/event"
)

const (
	// maxTrail bounds a trail, so that a head stays within one write unit.
	maxTrail = 24
	// stepBytes is an entry: a hash of where a record ends, and how many events
	// of the lane lie behind it.
	stepBytes = 8 + 4
)

// Trail remembers where the latest records of a lane end, the newest last, and
// how many events the lane had there. A consumer that is some records behind the
// head learns from it whether it has seen what the log has.
type Trail []byte

// remember adds the end of a record, behind which no event lies yet.
func (t Trail) remember(end event.Position) Trail {
	t = append(t[max(0, len(t)-(maxTrail-1)*stepBytes):len(t):len(t)], make([]byte, stepBytes)...)
	binary.BigEndian.PutUint64(t[len(t)-stepBytes:], hashOf(end))
	return t
}

// passed counts events that lie behind all that is remembered. It changes t in
// place. What is too far back to be counted is forgotten.
func (t Trail) passed(events int64) Trail {
	for at := len(t) - stepBytes; at >= 0; at -= stepBytes {
		behind := int64(binary.BigEndian.Uint32(t[at+8:])) + events
		if behind > 1<<32-1 {
			return t[at+stepBytes:]
		}
		binary.BigEndian.PutUint32(t[at+8:], uint32(behind))
	}
	return t
}

// CountAt returns how many events the lane has up to the end of a record, if
// that is one of the latest that are committed.
func (h *Head) CountAt(end event.Position) (int64, bool) {
	if end == h.Position {
		return h.Count, true
	}
	want := hashOf(end)
	for at := len(h.Trail) - stepBytes; at >= 0; at -= stepBytes {
		if binary.BigEndian.Uint64(h.Trail[at:]) == want {
			return h.Count - int64(binary.BigEndian.Uint32(h.Trail[at+8:])), true
		}
	}
	return 0, false
}

func hashOf(end event.Position) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(end)) // it never fails
	return h.Sum64()
}
