package journal

// Op is one change of a journal: Value replaces what Key had, and nil removes
// it. Where Until is set, all keys from Key (inclusive) to Until (exclusive)
// are removed.
type Op struct {
	Key   string
	Value []byte
	Until string
}

// Journal is a small ordered map from keys to values that keeps the runner's
// state. Methods are safe for concurrent use. Any error is a fault of the
// store; the runner stops.
type Journal interface {
	// Write applies the operations in order, all or none. A crash may lose
	// them, but never without also losing everything written after them.
	Write(ops []Op) error
	// Sync returns once everything that was written before it was called
	// survives a crash.
	Sync() error
	// Get returns the value of key, and false where there is none. The value
	// must not be changed.
	Get(key string) ([]byte, bool, error)
	// Scan calls visit for the keys from lower (inclusive) to upper
	// (exclusive) in order, until visit returns false. It sees one point in
	// time. The value is valid during the call only.
	Scan(lower, upper string, visit func(key string, value []byte) (bool, error)) error
}
