package journal

import (
	"encoding/json"
	"fmt"
)

// Put makes the operation that stores a record.
func Put(key string, record any) (Op, error) {
	raw, err := json.Marshal(record)
	if err != nil {
		return Op{}, fmt.Errorf("encode journal record: %w", err)
	}
	return Op{Key: key, Value: raw}, nil
}

// Remove makes the operation that removes every key with the prefix.
func Remove(prefix string) Op { return Op{Key: prefix, Until: After(prefix)} }

// Load reads a record, or returns false if there is none.
func Load[T any](j Journal, key string) (T, bool, error) {
	var record T
	raw, found, err := j.Get(key)
	if err != nil || !found {
		return record, false, err
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		return record, false, fmt.Errorf("decode journal record: %w", err)
	}
	return record, true, nil
}

// Names lists the keys with the prefix, without the prefix.
func Names(j Journal, prefix string) ([]string, error) {
	var names []string
	err := j.Scan(prefix, After(prefix), func(key string, _ []byte) (bool, error) {
		names = append(names, key[len(prefix):])
		return true, nil
	})
	return names, err
}

// Values lists, as text, the values of the keys with the prefix.
func Values(j Journal, prefix string) ([]string, error) {
	var values []string
	err := j.Scan(prefix, After(prefix), func(_ string, value []byte) (bool, error) {
		values = append(values, string(value))
		return true, nil
	})
	return values, err
}

// EachChild visits the started child executions of a map run in the order of
// the items, until visit returns false.
func EachChild(j Journal, run string, visit func(Execution) bool) error {
	prefix := Children(run)
	return j.Scan(prefix, After(prefix), func(_ string, id []byte) (bool, error) {
		record, found, err := Load[Execution](j, ExecutionKey(string(id)))
		if err != nil || !found {
			return err == nil, err
		}
		return visit(record), nil
	})
}
