package datastoredynamo

import (
	"reflect"
	"slices"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// fill sets every field of a struct to something other than zero, so that a new
// field of a row that this package forgets is noticed.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.String:
		v.SetString("text")
	case reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint64:
		v.SetUint(1 << 63)
	case reflect.Uint8:
		v.SetUint('1')
	case reflect.Bool:
		v.SetBool(true)
	}
}

func TestEveryField(t *testing.T) {
	var full datastore.Row
	fill(reflect.ValueOf(&full).Elem())
	// These have attributes of their own.
	have := datastore.Row{Entity: full.Entity, State: full.State, Position: full.Position, Filter: full.Filter}
	if err := unpackFields(packFields(&full), &have); err != nil || !reflect.DeepEqual(have, full) {
		t.Fatalf("have %+v, %v; want %+v", have, err, full)
	}
}

// TestParkedRowsOfAnEarlierReleaseAreRead reads what it wrote for a parked row, and
// writes the same.
func TestParkedRowsOfAnEarlierReleaseAreRead(t *testing.T) {
	want := datastore.Row{Parked: &datastore.Parked{Position: "o", Reason: "why", Waiting: 2}}
	var have datastore.Row
	old := packCounts(&want)
	if err := unpackFields(old, &have); err != nil || !reflect.DeepEqual(have, want) ||
		!slices.Equal(packFields(&want), old) {
		t.Errorf("have %+v, %v", have, err)
	}
}

// FuzzUnpack decodes anything: decoding fails, or returns a row that can be
// packed again.
func FuzzUnpack(f *testing.F) {
	f.Add(packFields(&datastore.Row{Version: "1", Buckets: []eventlog.Bucket{"2026-03-01T00"},
		Chain: event.Digest{Hi: 1}, Parked: &datastore.Parked{Type: "t"}}))
	f.Fuzz(func(t *testing.T, packed []byte) {
		var row, again datastore.Row
		if unpackFields(packed, &row) != nil {
			return
		}
		if err := unpackFields(packFields(&row), &again); err != nil || !reflect.DeepEqual(row, again) {
			t.Fatalf("have %+v, %v; want %+v", again, err, row)
		}
	})
}
