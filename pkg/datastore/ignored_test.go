package datastore_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/datastore"
)

// The counts do not depend on the order of events, nor on how lanes are added up,
// and what is named is exact.
func TestIgnoredDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types := rapid.SliceOf(rapid.IntRange(0, 40)).Draw(t, "types")
		exact := make(map[string]int64)
		var whole datastore.Ignored
		parts := make([]datastore.Ignored, 3)
		for i, n := range types {
			name := fmt.Sprintf("type.%02d", n)
			exact[name]++
			whole.Add(name, 1)
			parts[i%3].Add(name, 1)
		}
		var back, sum datastore.Ignored
		for _, n := range slices.Backward(types) {
			back.Add(fmt.Sprintf("type.%02d", n), 1)
		}
		for _, p := range parts {
			sum.AddAll(p)
		}
		if !reflect.DeepEqual(whole, back) || !reflect.DeepEqual(whole, sum) {
			t.Fatalf("in order %+v, backward %+v, in parts %+v", whole, back, sum)
		}
		for _, c := range whole.Types {
			if exact[c.Type] != c.Count {
				t.Fatalf("%s: %d, want %d", c.Type, c.Count, exact[c.Type])
			}
		}
		if whole.Total() != int64(len(types)) || len(whole.Types) != min(len(exact), datastore.MaxIgnoredTypes) {
			t.Fatalf("%+v of %d", whole, len(types))
		}
		before := len(types) / 2
		var earlier, later datastore.Ignored
		for i, n := range types {
			name := fmt.Sprintf("type.%02d", n)
			if i < before {
				earlier.Add(name, 1)
			}
			later.Add(name, 1)
		}
		if more := later.Since(earlier); more.Total() != int64(len(types)-before) {
			t.Fatalf("%+v since %+v: %+v", later, earlier, more)
		}
	})
}

func TestIgnoredSharesNothing(t *testing.T) {
	var a datastore.Ignored
	a.Add("x", 1)
	b := a
	b.Add("x", 1)
	b.Add("w", 1)
	if a.Total() != 1 || a.Types[0] != (datastore.TypeCount{Type: "x", Count: 1}) {
		t.Errorf("%+v", a)
	}
	a.Add(strings.Repeat("ü", 200), 1)
	if name := a.Types[1].Type; len(name) > 70 || !strings.HasSuffix(name, "…") {
		t.Errorf("%q", name)
	}
}
