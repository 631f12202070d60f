package feedkinesis

import (
	"sync"

	"reprise/pkg/event"
)

// maxKeys bounds the keys whose last sequence numbers are kept. There are as many
// keys as lanes, at most 1,024; each writer of a stream uses some of them.
const maxKeys = 4096

// lastSequences remembers the last sequence number of each key, since Kinesis
// orders records of a key strictly only if each names the one before it
// (PutRecord, SequenceNumberForOrdering). The zero value is ready. It is safe
// for concurrent use.
type lastSequences struct {
	mu    sync.Mutex
	byKey map[string]string
}

func (l *lastSequences) get(key string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byKey[key]
}

// put moves a key's number forward. If there are too many keys, it forgets any one:
// only the next record of that key is not strictly ordered.
func (l *lastSequences) put(key, sequence string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, known := l.byKey[key]
	if known && event.CompareSequences(last, sequence) >= 0 {
		return
	}
	if l.byKey == nil {
		l.byKey = make(map[string]string)
	}
	if !known && len(l.byKey) >= maxKeys {
		for other := range l.byKey {
			delete(l.byKey, other)
			break
		}
	}
	l.byKey[key] = sequence
}

// drop forgets a key's number if it is still sequence.
func (l *lastSequences) drop(key, sequence string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byKey[key] == sequence {
		delete(l.byKey, key)
	}
}

func (l *lastSequences) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.byKey)
}
