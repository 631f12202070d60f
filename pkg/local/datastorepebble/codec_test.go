package datastorepebble

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"reprise/pkg/datastore"
)

// fill sets every field that v reaches to something other than zero.
func fill(t *testing.T, v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	default:
		t.Fatalf("no value for a field of type %s", v.Type())
	}
}

// TestEveryFieldIsStored fails if a field is added to a row or mark but not to
// its encoding.
func TestEveryFieldIsStored(t *testing.T) {
	n := 0
	var row datastore.Row
	fill(t, reflect.ValueOf(&row).Elem(), &n)
	haveRow, err := decodeRow(appendRow(nil, &row))
	if err != nil || !reflect.DeepEqual(haveRow, row) {
		t.Fatalf("have %+v, %v; want %+v", haveRow, err, row)
	}
	var mark datastore.Mark
	fill(t, reflect.ValueOf(&mark).Elem(), &n)
	haveMark, err := decodeMark(appendMark(nil, &mark))
	if err != nil || !reflect.DeepEqual(haveMark, mark) {
		t.Fatalf("have %+v, %v; want %+v", haveMark, err, mark)
	}
}

// TestDamagedValuesAreRefused shortens and lengthens stored values, changes
// their layout, and puts a huge number everywhere: no value is read as another
// one, and none stops the process.
func TestDamagedValuesAreRefused(t *testing.T) {
	n := 0
	var mark datastore.Mark
	fill(t, reflect.ValueOf(&mark).Elem(), &n)
	folded := mark
	mark.Folded = nil
	counting := mark
	mark.Ignored = nil
	var row datastore.Row
	fill(t, reflect.ValueOf(&row).Elem(), &n)
	corrected := appendRow(nil, &row)
	row.Skipped, row.Corrections, row.Parked = 0, 0, nil
	indexed := appendRow(nil, &row)
	row.Indexed, row.IndexedBucket = "", ""
	whole := appendRow(nil, &row)
	ofMark := func(b []byte) error { _, err := decodeMark(b); return err }
	ofRow := func(b []byte) error { _, err := decodeRow(b); return err }
	for name, c := range map[string]struct {
		value []byte
		// least is the length of a complete value of an earlier release.
		least  int
		decode func([]byte) error
	}{
		"mark":                    {appendMark(nil, &mark), 0, ofMark},
		"mark with ignored types": {appendMark(nil, &counting), len(appendMark(nil, &mark)) + 1, ofMark},
		"mark with folded events": {appendMark(nil, &folded), len(appendMark(nil, &counting)) + 1, ofMark},
		"row":                     {whole, 0, ofRow},
		"indexed row":             {indexed, len(whole) + 1, ofRow},
		// A parked row of an earlier release ends before what belongs to corrections.
		"corrected row": {corrected, lengthBefore(corrected) + 1, ofRow},
	} {
		refused := func(what string, value []byte) {
			t.Helper()
			if err := c.decode(value); !errors.Is(err, errLayout) {
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
		if err := c.decode(c.value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for end := c.least; end < len(c.value); end++ {
			refused(fmt.Sprintf("cut to %d of %d bytes", end, len(c.value)), c.value[:end])
		}
		refused("with a byte more", append(slices.Clone(c.value), 0))
		refused("of another layout", append([]byte{layout + 1}, c.value[1:]...))
		for i := range c.value {
			huge := binary.AppendUvarint(slices.Clone(c.value[:i]), math.MaxInt64)
			_ = c.decode(append(huge, c.value[i+1:]...)) // must return, with any result
		}
	}
	for end := range len(row.Position) {
		if _, err := decodePosition(whole[:2+end]); !errors.Is(err, errLayout) {
			t.Errorf("position cut to %d bytes: %v", end, err)
		}
	}
}

// lengthBefore is the length that a corrected row had in an earlier release.
func lengthBefore(corrected []byte) int {
	row, _ := decodeRow(corrected) // the test decodes it, too
	old := appendParked(appendFields(nil, &row), row.Parked)
	return len(appendText(appendText(old, row.Indexed), row.IndexedBucket))
}

// TestParkedRowsOfAnEarlierReleaseAreRead reads what it wrote for a parked row, and
// writes the same.
func TestParkedRowsOfAnEarlierReleaseAreRead(t *testing.T) {
	want := datastore.Row{Position: "p", Parked: &datastore.Parked{Position: "o", Reason: "why", Waiting: 2}}
	old := appendParked(appendFields(nil, &want), want.Parked)
	if have, err := decodeRow(old); err != nil || !reflect.DeepEqual(have, want) ||
		!slices.Equal(old, appendRow(nil, &want)) {
		t.Errorf("have %+v, %v", have, err)
	}
	want.Indexed = "p"
	old = appendText(appendText(old, want.Indexed), want.IndexedBucket)
	if have, err := decodeRow(old); err != nil || !reflect.DeepEqual(have, want) {
		t.Errorf("indexed: have %+v, %v", have, err)
	}
}

// FuzzDecode looks for damaged values that do harm.
func FuzzDecode(f *testing.F) {
	row := datastore.Row{Entity: "a", State: json.RawMessage("{}"), Parked: &datastore.Parked{Type: "t"}}
	f.Add(appendRow(nil, &row))
	f.Add(appendMark(nil, &datastore.Mark{Ordinal: 1}))
	f.Add([]byte{layout, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, value []byte) {
		if row, err := decodeRow(value); err == nil {
			again, err := decodeRow(appendRow(nil, &row))
			if err != nil || !reflect.DeepEqual(again, row) {
				t.Fatalf("have %+v, %v; want %+v", again, err, row)
			}
		}
		_, _ = decodeMark(value)
		_, _ = decodePosition(value)
	})
}

func BenchmarkDecodeRow(b *testing.B) {
	row := datastore.Row{Entity: "account-000042", State: make([]byte, 300),
		Position: "0001-12100000000000-0000", Filter: make([]byte, 64)}
	value := appendRow(nil, &row)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeRow(value); err != nil {
			b.Fatal(err)
		}
	}
}
