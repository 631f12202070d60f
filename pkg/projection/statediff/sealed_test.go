package statediff_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/pkg/personal/sealed"
	"reprise/pkg/projection/statediff"
)

// TestSealedValuesAreCompared as a whole, and shown so that they can be revealed.
func TestSealedValuesAreCompared(t *testing.T) {
	value := func(salt byte, size int) string {
		v := sealed.Value{Generation: 1, Salt: [sealed.SaltBytes]byte{salt}, Box: []byte(strings.Repeat("x", size))}
		return string(v.AppendJSON(nil))
	}
	a, b, long := value(1, 200), value(2, 200), value(3, 2000)
	diff := func(from, to string) []statediff.Change {
		changes, _ := statediff.Diff(fmt.Appendf(nil, `{"n":%s,"k":1}`, from), fmt.Appendf(nil, `{"k":1,"n":%s}`, to), 10)
		return changes
	}
	for _, c := range []struct {
		from, to string
		want     []statediff.Change
	}{
		{a, b, []statediff.Change{{Path: "/n", Old: a, New: b}}},
		{a, `{"x":1}`, []statediff.Change{{Path: "/n", Old: a, New: `{"x":1}`}}},
		{`"plain"`, b, []statediff.Change{{Path: "/n", Old: `"plain"`, New: b}}},
		{`null`, a, []statediff.Change{{Path: "/n", Old: "null", New: a}}},
	} {
		if got := diff(c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("%s to %s: %+v", c.from, c.to, got)
		}
	}
	if got := diff(a, a); len(got) != 1 || got[0].Path != "" { // the order of members differs
		t.Errorf("equal values: %+v", got)
	}
	if got := diff(a, long); len(got) != 1 || len(got[0].New) > statediff.MaxValueBytes+8 {
		t.Errorf("a long value: %+v", got)
	}
}
