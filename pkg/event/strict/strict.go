package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Error says why a text is refused. Retrying cannot help.
type Error struct {
	// Member is the member at fault, "" for the text as a whole.
	Member  string
	Problem string
}

func (e *Error) Error() string {
	if e.Member == "" {
		return e.Problem
	}
	return e.Member + " " + e.Problem
}

// maxShown bounds the part of a text that an error repeats.
const maxShown = 60

func fault(member, format string, args ...any) error {
	if len(member) > maxShown {
		member = strings.ToValidUTF8(member[:maxShown], "") + "…"
	}
	return &Error{member, fmt.Sprintf(format, args...)}
}

// Unmarshal decodes a JSON object into the struct that into points to. Every
// member must have exactly the name of a field, and be given once; names within
// values must not repeat either. All text must be valid Unicode, and nothing may
// follow the object. Its error is an *Error, or that of a member's UnmarshalJSON.
//
// Structs within the struct are decoded by the standard library, which ignores
// the case of their names: each of them should have an UnmarshalJSON.
func Unmarshal(text []byte, into any) error {
	if err := check(text, membersOf(reflect.TypeOf(into).Elem())); err != nil {
		return err
	}
	err := json.Unmarshal(text, into)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fault(kind.Field, "must not be a %s", kind.Value)
	}
	return err
}

// membersOf returns the JSON names of a struct's fields.
func membersOf(t reflect.Type) map[string]bool {
	known := make(map[string]bool, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		known[name] = true
	}
	return known
}

// open is an object or array that is being read.
type open struct {
	// seen are the names of an object so far; nil for an array.
	seen map[string]bool
	// value is set after a member's name, until its value begins.
	value bool
}

func check(text []byte, known map[string]bool) error {
	if !utf8.Valid(text) {
		return fault("", "the text is not valid UTF-8")
	}
	w := &walker{decoder: json.NewDecoder(bytes.NewReader(text)), text: text, known: known}
	w.decoder.UseNumber()
	for {
		if err := w.next(); err != nil {
			return err
		}
		if len(w.stack) == 0 {
			break
		}
	}
	if _, err := w.decoder.Token(); !errors.Is(err, io.EOF) {
		return fault("", "there is text after the object")
	}
	return nil
}

type walker struct {
	decoder *json.Decoder
	text    []byte
	known   map[string]bool
	stack   []open
	// member is the outer object's member that is being read.
	member string
}

func (w *walker) next() error {
	start := w.decoder.InputOffset()
	token, err := w.decoder.Token()
	if err != nil {
		return fault("", "it is not a JSON object")
	}
	if len(w.stack) == 0 && token != json.Delim('{') {
		return fault("", "it must be an object, not %s", kindOf(token))
	}
	switch text, isText := token.(string); {
	case token == json.Delim('{'):
		w.begun()
		w.stack = append(w.stack, open{seen: make(map[string]bool)})
	case token == json.Delim('['):
		w.begun()
		w.stack = append(w.stack, open{})
	case token == json.Delim('}') || token == json.Delim(']'):
		w.stack = w.stack[:len(w.stack)-1]
	case isText:
		if hasLoneSurrogate(w.text[start:w.decoder.InputOffset()]) {
			return fault(w.member, "is not valid Unicode")
		}
		if top := &w.stack[len(w.stack)-1]; top.seen != nil && !top.value {
			return w.name(top, text)
		}
		w.begun()
	default:
		w.begun()
	}
	return nil
}

// begun notes that a value has begun.
func (w *walker) begun() {
	if n := len(w.stack); n > 0 {
		w.stack[n-1].value = false
	}
}

func (w *walker) name(in *open, name string) error {
	outer := len(w.stack) == 1
	switch {
	case outer && !w.known[name]:
		return fault(fmt.Sprintf("member %q", name), "is not known here")
	case outer && in.seen[name]:
		return fault(name, "is given twice")
	case in.seen[name]:
		return fault(w.member, "has %q twice", name)
	case outer:
		w.member = name
	}
	in.seen[name], in.value = true, true
	return nil
}

func kindOf(token json.Token) string {
	switch token.(type) {
	case nil:
		return "null"
	case bool:
		return "a bool"
	case string:
		return "a string"
	case json.Delim:
		return "an array"
	}
	return "a number"
}

// hasLoneSurrogate reports whether a JSON string has an escape that is only half
// of a character, which the standard decoder would replace with U+FFFD.
func hasLoneSurrogate(raw []byte) bool {
	const high, low, end = 0xd800, 0xdc00, 0xe000
	for at := bytes.IndexByte(raw, '\\'); at >= 0 && at < len(raw); at++ {
		if raw[at] != '\\' {
			continue
		}
		unit := escaped(raw[at:])
		if unit < high || unit >= end {
			at++ // skip the escaped byte, which may be a backslash
			continue
		}
		next := escaped(raw[at+len(`\u0000`):])
		if unit >= low || next < low || next >= end {
			return true
		}
		at += len(`\u0000\u0000`) - 1
	}
	return false
}

// escaped is the code unit of the \u escape that b begins with, -1 if it begins
// with none.
func escaped(b []byte) (unit int) {
	if len(b) < len(`\u0000`) || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	if _, err := fmt.Sscanf(string(b[2:6]), "%04x", &unit); err != nil {
		return -1
	}
	return unit
}
