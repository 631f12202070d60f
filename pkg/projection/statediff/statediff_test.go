package statediff

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatDiffers(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		want           []Change
	}{
		{"nothing", `{"a":1}`, `{"a":1}`, nil},
		{"a number", `{"a":1,"b":2}`, `{"a":1,"b":3}`, []Change{{"/b", "2", "3"}}},
		{"how a number is written", `{"a":1}`, `{"a":1.0}`, []Change{{"/a", "1", "1.0"}}},
		{"large numbers", `{"a":9007199254740993}`, `{"a":9007199254740992}`,
			[]Change{{"/a", "9007199254740993", "9007199254740992"}}},
		{"a field that is gone", `{"a":null,"b":2}`, `{"b":2}`, []Change{{"/a", "null", ""}}},
		{"a field that is new", `{}`, `{"a":{"b":[]}}`, []Change{{"/a", "", `{"b":[]}`}}},
		{"names with slashes", `{"a/b~":1}`, `{"a/b~":2}`, []Change{{"/a~1b~0", "1", "2"}}},
		{"elements", `{"l":[1,2,3]}`, `{"l":[1,5]}`, []Change{{"/l/1", "2", "5"}, {"/l/2", "3", ""}}},
		{"another kind of value", `{"a":{"b":1}}`, `{"a":[1]}`, []Change{{"/a", `{"b":1}`, "[1]"}}},
		{"null to an object", `{"a":null}`, `{"a":{}}`, []Change{{"/a", "null", "{}"}}},
		{"no state", ``, `{"a":1}`, []Change{{"", "", `{"a":1}`}}},
		{"order of the fields", `{"a":1,"b":2}`, `{"b":2,"a":1}`, []Change{{"", `{"a":1,"b":2}`, `{"b":2,"a":1}`}}},
		{"no JSON", `{"a":1}`, `{"a":`, []Change{{"", `{"a":1}`, `{"a":`}}},
		{"text behind it", `{"a":1}`, `{"a":1}}`, []Change{{"", `{"a":1}`, `{"a":1}}`}}},
		{"the whole", `1`, `2`, []Change{{"", "1", "2"}}},
	} {
		got, total := Diff([]byte(c.from), []byte(c.to), 10)
		if !reflect.DeepEqual(got, c.want) || total != len(c.want) {
			t.Errorf("%s: %d, %q", c.name, total, got)
		}
	}
}

func TestWhatIsShownIsBounded(t *testing.T) {
	from, to := make([]string, 1000), make([]string, 1000)
	for i := range from {
		from[i], to[i] = strings.Repeat("ä", 500), strings.Repeat("ö", 500)
	}
	a, _ := json.Marshal(from)
	b, _ := json.Marshal(to)
	changes, total := Diff(a, b, 3)
	if len(changes) != 3 || total != 1000 {
		t.Fatalf("%d changes are shown of %d", len(changes), total)
	}
	old := changes[0].Old
	if len(old) > MaxValueBytes+len("…") || !strings.HasPrefix(old, `"ää`) || !strings.HasSuffix(old, "ä…") {
		t.Errorf("have %q", old)
	}
	if changes, total := Diff(a, b, 0); len(changes) != 0 || total != 1000 {
		t.Errorf("%d changes are shown of %d", len(changes), total)
	}
}

// Two states differ if and only if their bytes do, and what differs between two maps of
// numbers is known.
func TestEveryFieldThatDiffersIsNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.MapOf(rapid.StringN(0, 4, -1), rapid.IntRange(0, 2))
		a, b := numbers.Draw(t, "a"), numbers.Draw(t, "b")
		var want []string
		for name, n := range a {
			if m, both := b[name]; !both || m != n {
				want = append(want, name)
			}
		}
		for name := range b {
			if _, both := a[name]; !both {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		from, _ := json.Marshal(a)
		to, _ := json.Marshal(b)
		changes, total := Diff(from, to, len(a)+len(b))
		if total != len(want) || len(changes) != total {
			t.Fatalf("%d differences, want %d: %q", total, len(want), changes)
		}
		for i, c := range changes {
			name := strings.NewReplacer("~1", "/", "~0", "~").Replace(strings.TrimPrefix(c.Path, "/"))
			if name != want[i] {
				t.Errorf("difference %d is %q, want %q", i, name, want[i])
			}
		}
	})
}
