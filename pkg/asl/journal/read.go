package journal

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrRecord means that a record cannot be encoded or decoded. The fault is in
// the data of one execution, not in the store.
var ErrRecord = errors.New("journal record")

// Put makes the operation that stores a record.
func Put(key string, record any) (Op, error) {
	raw, err := json.Marshal(record)
	if err != nil {
		return Op{}, fmt.Errorf("%w: encode: %w", ErrRecord, err)
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
	if err := Decode(raw, &record); err != nil {
		return record, false, err
	}
	return record, true, nil
}

// cutDepth is deeper than any value that the engine accepts, and less deep than
// what encoding/json refuses to decode.
const cutDepth = 5000

// Decode decodes a record. Earlier engines accepted values of nearly any depth;
// a value too deep to decode is cut to a depth that the engine still refuses,
// so that the execution, not the engine, fails.
func Decode(raw []byte, record any) error {
	err := json.Unmarshal(raw, record)
	if err != nil {
		err = json.Unmarshal(cut(raw, cutDepth), record)
	}
	if err != nil {
		return fmt.Errorf("%w: decode: %w", ErrRecord, err)
	}
	return nil
}

// cut replaces lists and objects below a depth by null.
func cut(raw []byte, limit int) []byte {
	var kept []byte
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		opens := !quoted && (c == '[' || c == '{')
		closes := !quoted && (c == ']' || c == '}')
		if opens {
			if depth++; depth == limit+1 {
				kept = append(kept, "null"...)
			}
		}
		if depth <= limit {
			kept = append(kept, c)
		}
		switch {
		case closes:
			depth--
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(raw):
			i++
			if depth <= limit {
				kept = append(kept, raw[i])
			}
		}
	}
	return kept
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
