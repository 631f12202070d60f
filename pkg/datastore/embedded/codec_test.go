package embedded

import (
	"encoding/json"
	"fmt"
	"reflect"
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

// TestEveryFieldIsStored fails when a field is added to a row or mark and not
// to its encoding.
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
