package projection_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/event"
	"reprise/pkg/projection"
)

// zoo contains projections whose state in memory differs from what JSON makes
// of it, which shows in the states that follow.
func zoo() map[string]projection.Projection {
	type lists struct {
		List  []int          `json:"list,omitempty"`
		Plain []int          `json:"plain"`
		Map   map[string]int `json:"map,omitempty"`
		Bytes []byte         `json:"bytes,omitempty"`
		Trace string         `json:"trace"`
	}
	type loose struct {
		Any   any             `json:"any"`
		Raw   json.RawMessage `json:"raw,omitempty"`
		Text  string          `json:"text"`
		Keys  map[string]int  `json:"keys"`
		Trace string          `json:"trace"`
	}
	type shared struct {
		Now, Before *counted
		List, Head  []int
	}
	type text struct {
		Text  string
		Codes [2]uint8
		Ratio ratio
		Trace string
	}
	type zeroed struct {
		Even   even `json:",omitzero"`
		Number json.Number
		Trace  string
	}
	type signed struct {
		Zero  float64 `json:"zero,omitempty"`
		Trace string  `json:"trace"`
	}
	return map[string]projection.Projection{
		"nil and empty": zooed(func(s lists, n int) (lists, error) {
			s.Trace += fmt.Sprint(s.List == nil, s.Plain == nil, s.Map == nil, s.Bytes == nil, ";")
			return lists{List: []int{}, Plain: [][]int{nil, {}}[n%2], Map: map[string]int{}, Bytes: []byte{},
				Trace: s.Trace}, nil
		}),
		"loose": zooed(func(s loose, n int) (loose, error) {
			s.Trace += fmt.Sprintf("%T %s %q %d;", s.Any, s.Raw, s.Text, len(s.Keys))
			s.Any = []any{n, 1 << 60, float32(1), "text", []int{1}, counted{n}, nil}[n%7]
			s.Raw = json.RawMessage([]string{"{ \"a\" :\t1}", "null", "[1, 2]"}[n%3])
			s.Text, s.Keys = "\xff"+string(rune('a'+n))+"\xc3", map[string]int{"\xff": n, "\xfe": 1, "<": 2}
			return s, nil
		}),
		"shared": zooed(func(s shared, n int) (shared, error) {
			if s.Now == nil {
				s.Now, s.List = &counted{}, make([]int, 0, 64)
			}
			if s.Before != nil {
				s.Before.N++
				s.Head[0]++
				_ = append(s.Head, -1) // damages List if they share memory
			}
			s.List = append(s.List, n)
			s.Before, s.Head = s.Now, s.List[:1]
			return s, nil
		}),
		"spoilt by a rejection": zooed(func(s map[string][]int, n int) (map[string][]int, error) {
			if s == nil {
				s = map[string][]int{"a": {0}}
			}
			s["a"][0], s[fmt.Sprint(n)] = n, nil
			if n == 6 {
				return nil, errors.New("six")
			}
			return s, nil
		}),
		"minus zero": zooed(func(s signed, _ int) (signed, error) {
			s.Trace += fmt.Sprint(math.Signbit(s.Zero), ";")
			s.Zero = math.Copysign(0, -1)
			return s, nil
		}),
		"plain": zooed(func(s text, n int) (text, error) {
			s.Trace += fmt.Sprintf("%q %d %v;", s.Text, s.Codes, math.Signbit(float64(s.Ratio)))
			s.Text, s.Codes[n%2] = [7]string{"a", "\xff", "\uFFFD", "é", `\ufffd`, "\xed\xa0\x80", "<\u2028\x00"}[n], uint8(n)
			s.Ratio = ratio(math.Copysign(0, float64(n-3)))
			return s, nil
		}),
		"zero of its own": zooed(func(s zeroed, n int) (zeroed, error) {
			s.Trace += fmt.Sprint(s.Even, s.Number, ";")
			s.Even, s.Number = even(n), ""
			return s, nil
		}),
		"cannot be read back": zooed(func(s fussy, n int) (fussy, error) { return fussy(n), nil }),
	}
}

type counted struct{ N int }

type ratio float32

// even counts every even number as zero.
type even int

func (e even) IsZero() bool { return e%2 == 0 }

// fussy cannot read its own 5.
type fussy int

func (f fussy) MarshalJSON() ([]byte, error) { return fmt.Append(nil, int(f)), nil }
func (f *fussy) UnmarshalJSON(text []byte) error {
	if string(text) == "5" {
		panic("five")
	}
	return json.Unmarshal(text, (*int)(f))
}

func zooed[S any](apply func(S, int) (S, error)) projection.Projection {
	return projection.New("zoo", 1, []string{"it.happened"}, func(s S, e *event.Event) (S, error) {
		if e.Subject == "spoilt" || e.Extensions[0].Value == "spoilt" {
			return s, errors.New("another fold shows in the event")
		}
		e.Subject, e.Extensions[0].Value = "spoilt", "spoilt" // the projection itself returns it
		return apply(s, len(e.Data))
	})
}

func TestNextEventStartsFromWhatIsStored(t *testing.T) {
	for name, p := range zoo() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				b := newBench(t, p)
				var events []event.Event
				for i, n := range rapid.SliceOfN(rapid.IntRange(0, 6), 1, 12).Draw(t, "events") {
					events = append(events, event.Event{ID: fmt.Sprint(i), Source: "s", Type: "it.happened", Subject: "x",
						Data: strings.Repeat("1", n), Extensions: []event.Extension{event.StringExtension("a", "b")}})
				}
				placed := b.put(t, events, 10)
				cuts := map[string]func() int{
					"one-by-one": func() int { return 1 },
					"at-once":    func() int { return len(placed) },
					"by-chance":  func() int { return rapid.IntRange(1, len(placed)).Draw(t, "batch") },
				}
				rows := make(map[string]string)
				for _, how := range slices.Sorted(maps.Keys(cuts)) {
					rows[how] = b.fold(t, how, placed, cuts[how])
				}
				for how, row := range rows {
					if want := rows["one-by-one"]; row != want {
						t.Errorf("%s:\n got %s\nwant %s", how, row, want)
					}
				}
			})
		})
	}
}

// fold returns the row and reason of the entity x, with the events divided into
// batches.
func (b *bench) fold(t *rapid.T, generation string, placed []projection.Placed, cut func() int) string {
	if err := b.tables.Create(ctx(t), generation); err != nil {
		t.Fatal(err)
	}
	to := projection.Target{ID: generation, Generation: b.tables.Open(generation)}
	for len(placed) > 0 {
		n := min(cut(), len(placed))
		if _, err := b.applier.Apply(ctx(t), to, placed[:n]); err != nil {
			t.Fatal(err)
		}
		placed = placed[n:]
	}
	rows, err := to.Generation.Rows(ctx(t), 0, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	reason := ""
	if row := rows["x"]; row.Parked != nil {
		reason = row.Parked.Reason
	}
	return essence(rows["x"]) + reason
}

func TestOrderOfAMapShowsNowhere(t *testing.T) {
	type state struct {
		Words map[string]int
		Codes map[int]map[string]bool
		Any   any
	}
	p := projection.New("words", 1, nil, func(_ state, e *event.Event) (state, error) {
		s := state{map[string]int{}, map[int]map[string]bool{}, nil}
		loose := map[string]any{}
		words := strings.Fields(e.Data)
		for i := range words {
			word := words[i]
			s.Words[word], loose[word] = len(word), word
			s.Codes[-len(word)] = map[string]bool{"z": true, "a": true, word[:1]: false}
		}
		s.Any = loose
		return s, nil
	})
	words := make([]string, 50)
	for i := range words {
		words[i] = strings.Repeat(string(rune('a'+i%26)), i+1)
	}
	want := ""
	for range 50 {
		fold, err := p.Begin(nil)
		if err != nil {
			t.Fatal(err)
		}
		state, err := fold.Apply(&event.Event{Data: strings.Join(words, " ")})
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(state)
		}
		if string(state) != want {
			t.Fatalf("state %s, want %s", state, want)
		}
		// The same entries, inserted in reverse order.
		slices.Reverse(words)
	}
}
