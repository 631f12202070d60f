package jsonata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// A value is nil (JSON null), bool, float64, string, []any, *Object, or the
// evaluator's own undefined and *sequence, which never leave this package.
type undefinedType struct{}

var undefined any = undefinedType{}

func isUndefined(v any) bool { _, ok := v.(undefinedType); return ok }

// sequence is the result of a path or predicate before settle.
type sequence struct{ items []any }

// settle turns a sequence into nothing, one value or a list.
func settle(v any) any {
	seq, ok := v.(*sequence)
	if !ok {
		return v
	}
	switch len(seq.items) {
	case 0:
		return undefined
	case 1:
		return seq.items[0]
	}
	return seq
}

// list returns the elements of an array or sequence.
func list(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case *sequence:
		return v.items, true
	case *consArray:
		return v.items, true
	}
	return nil, false
}

// consArray is an array constructor as the first step of a path: later steps
// must not flatten it.
type consArray struct{ items []any }

// Object is a JSON object that keeps the order of its members, which $string
// shows. The zero value is an empty object.
type Object struct {
	keys   []string
	values map[string]any
}

// Get returns the member of that name.
func (o *Object) Get(name string) (any, bool) {
	v, found := o.values[name]
	return v, found
}

// Set adds or replaces a member.
func (o *Object) Set(name string, value any) {
	if o.values == nil {
		o.values = map[string]any{}
	}
	if _, exists := o.values[name]; !exists {
		o.keys = append(o.keys, name)
	}
	o.values[name] = value
}

// Len is the number of members.
func (o *Object) Len() int { return len(o.keys) }

// MaxDepth limits how deeply lists and objects may be nested, so that no value
// can exhaust the stack and every value fits a journal record.
const MaxDepth = 1000

// Check fails unless raw is JSON that is nested at most MaxDepth levels deep and
// whose numbers fit a float64.
func Check(raw []byte) error {
	if err := checkBounds(raw); err != nil {
		return err
	}
	if !json.Valid(raw) {
		return errors.New("it is not JSON")
	}
	return nil
}

func checkBounds(raw []byte) error {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			i = stringEnd(raw, i)
		case c == '[' || c == '{':
			if depth++; depth > MaxDepth {
				return errTooDeep
			}
		case c == ']' || c == '}':
			depth--
		case c == '-' || (c >= '0' && c <= '9'):
			from := i
			for i+1 < len(raw) && strings.IndexByte("0123456789+-.eE", raw[i+1]) >= 0 {
				i++
			}
			number := string(raw[from : i+1])
			if _, err := strconv.ParseFloat(number, 64); errors.Is(err, strconv.ErrRange) {
				return fmt.Errorf("the number %.40s is out of range", number)
			}
		}
	}
	return nil
}

// stringEnd is the position of the quote that ends the string starting at from.
func stringEnd(raw []byte, from int) int {
	for i := from + 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case raw[from]:
			return i
		}
	}
	return len(raw)
}

// Decode reads one JSON text that Check accepts. Numbers become float64, as in
// JavaScript, so whole numbers beyond 2^53 lose digits.
func Decode(raw []byte) (any, error) {
	if err := checkBounds(raw); err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	v, err := decodeValue(dec)
	if err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decode JSON: more than one value")
	}
	return v, nil
}

func decodeValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return decodeArray(dec)
	case json.Delim('{'):
		return decodeObject(dec)
	}
	return token, nil
}

func decodeArray(dec *json.Decoder) (any, error) {
	items := []any{}
	for dec.More() {
		v, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	_, err := dec.Token()
	return items, err
}

func decodeObject(dec *json.Decoder) (any, error) {
	object := &Object{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		object.Set(key.(string), v)
	}
	_, err := dec.Token()
	return object, err
}

func equal(a, b any) bool {
	if as, ok := list(a); ok {
		bs, both := list(b)
		if !both || len(as) != len(bs) {
			return false
		}
		for i := range as {
			if !equal(as[i], bs[i]) {
				return false
			}
		}
		return true
	}
	if ao, ok := a.(*Object); ok {
		bo, both := b.(*Object)
		if !both || ao.Len() != bo.Len() {
			return false
		}
		for _, key := range ao.keys {
			other, found := bo.values[key]
			if !found || !equal(ao.values[key], other) {
				return false
			}
		}
		return true
	}
	if _, ok := list(b); ok {
		return false
	}
	return a == b
}

// All yields the members in the order in which they were added.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, key := range o.keys {
			if !yield(key, o.values[key]) {
				return
			}
		}
	}
}
