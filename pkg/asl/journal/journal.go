package journal

// Op is one change of a journal. It sets Key to Value, or removes Key if Value
// is nil. If Until is set, it removes all keys from Key (inclusive) to Until
// (exclusive).
type Op struct {
	Key   string
	Value []byte
	Until string
}

// Journal is a small ordered key-value store for the engine's state. Methods are
// safe for concurrent use. Any error is a fault of the store and stops the
// engine.
type Journal interface {
	// Write applies the operations in order, all or none. A crash may lose a
	// write only together with every later write.
	Write(ops []Op) error
	// Sync returns once everything written before the call survives a crash.
	Sync() error
	// Get returns the value of key, or false if there is none. The caller must
	// not modify the value.
	Get(key string) ([]byte, bool, error)
	// Scan calls visit for the keys from lower (inclusive) to upper
	// (exclusive) in order, until visit returns false. It reads one snapshot.
	// The value is valid only during the call of visit.
	Scan(lower, upper string, visit func(key string, value []byte) (bool, error)) error
}
