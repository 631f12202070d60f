package statediff

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"reprise/pkg/personal/sealed"
)

// MaxValueBytes bounds a value that is shown; a longer one is cut. A sealed value has
// MaxSealedBytes: it can be revealed as a whole only.
const (
	MaxValueBytes  = 200
	MaxSealedBytes = 1000
)

// Change is a field whose values differ.
type Change struct {
	// Path is a JSON Pointer (RFC 6901); "" is the whole state.
	Path string `json:"path"`
	// Old and New are the values as JSON, "" where the field is missing. What is
	// longer than MaxValueBytes is cut and ends with "…".
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// Diff returns the first of the fields that differ, ascending by path and at most most
// of them, and how many there are. States that differ in their bytes only, or that are
// no JSON, differ as a whole. An empty state has no fields.
func Diff(from, to []byte, most int) (changes []Change, total int) {
	if bytes.Equal(from, to) {
		return nil, 0
	}
	w := walk{most: most}
	a, okA := decode(from)
	b, okB := decode(to)
	if okA && okB {
		w.value("", a, b)
	}
	if w.total == 0 {
		return []Change{{"", cut(from), cut(to)}}[:min(1, most)], 1
	}
	return w.changes, w.total
}

// absent stands for a field that does not exist.
type absent struct{}

func decode(state []byte) (value any, ok bool) {
	if len(state) == 0 {
		return absent{}, true
	}
	d := json.NewDecoder(bytes.NewReader(state))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	_, err := d.Token()
	return value, err == io.EOF
}

type walk struct {
	most    int
	changes []Change
	total   int
}

func (w *walk) value(path string, a, b any) {
	if isSealed(a) || isSealed(b) {
		w.leaf(path, a, b)
		return
	}
	switch from := a.(type) {
	case map[string]any:
		if to, same := b.(map[string]any); same {
			w.objects(path, from, to)
			return
		}
	case []any:
		if to, same := b.([]any); same {
			w.arrays(path, from, to)
			return
		}
	default:
		if _, nested := b.(map[string]any); nested {
			break
		}
		if _, nested := b.([]any); !nested && a == b {
			return
		}
	}
	w.add(path, a, b)
}

func (w *walk) add(path string, a, b any) {
	w.total++
	if len(w.changes) < w.most {
		w.changes = append(w.changes, Change{path, text(a), text(b)})
	}
}

// isSealed reports whether a value stands for a personal one, which has no fields to see.
func isSealed(v any) bool {
	object, is := v.(map[string]any)
	return is && sealed.IsObject(object)
}

// leaf compares values of which at least one is sealed.
func (w *walk) leaf(path string, a, b any) {
	if !isSealed(a) || !isSealed(b) || a.(map[string]any)[sealed.Name] != b.(map[string]any)[sealed.Name] {
		w.add(path, a, b)
	}
}

func (w *walk) objects(path string, a, b map[string]any) {
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		w.value(path+"/"+escape.Replace(name), field(a, name), field(b, name))
	}
}

func field(of map[string]any, name string) any {
	if v, found := of[name]; found {
		return v
	}
	return absent{}
}

func (w *walk) arrays(path string, a, b []any) {
	for i := range max(len(a), len(b)) {
		w.value(path+"/"+strconv.Itoa(i), element(a, i), element(b, i))
	}
}

func element(of []any, i int) any {
	if i < len(of) {
		return of[i]
	}
	return absent{}
}

// escape writes a name for a JSON Pointer.
var escape = strings.NewReplacer("~", "~0", "/", "~1")

func text(v any) string {
	if _, missing := v.(absent); missing {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil { // it was decoded from JSON
		return "?"
	}
	if len(b) <= MaxSealedBytes && isSealed(v) {
		return string(b)
	}
	return cut(b)
}

func cut(b []byte) string {
	if len(b) <= MaxValueBytes {
		return string(b)
	}
	end := MaxValueBytes
	for end > 0 && !utf8.RuneStart(b[end]) {
		end--
	}
	return string(b[:end]) + "…"
}
