package dated_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/projection"
	"reprise/pkg/projection/dated"
)

var (
	june = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	july = time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)
)

func at(text string) *event.Event { return &event.Event{Time: text} }

// The value changes at the instant of its date: not a nanosecond before, and whatever the
// zone that the producer states its time in.
func TestAValueChangesAtItsInstant(t *testing.T) {
	fee := dated.Always("none").From(july, "high").From(june, "low")
	for text, want := range map[string]string{
		"1970-01-01T00:00:00Z":           "none",
		"2025-05-31T23:59:59.999999999Z": "none",
		"2025-06-01T00:00:00Z":           "low",
		"2025-06-01T00:00:00.000000001Z": "low",
		"2025-06-01T01:30:00+02:00":      "none", // 23:30 in UTC
		"2025-05-31T23:00:00-01:00":      "low",
		"2025-06-30T23:59:59.999Z":       "low",
		"2025-07-01T00:00:00Z":           "high",
		"2400-01-01T00:00:00Z":           "high",
	} {
		if got, err := fee.For(at(text)); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
}

// Without a time nothing is guessed.
func TestAnEventWithoutATimeHasNoValue(t *testing.T) {
	for _, text := range []string{"", "yesterday"} {
		if got, err := dated.Always(1).For(at(text)); got != 0 || !errors.Is(err, dated.ErrNoTime) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

// The order in which changes are given makes no difference, and none changes the value
// that it is derived from.
func TestTheOrderOfChangesMakesNoDifference(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		n := 1 + r.IntN(8)
		ordered, shuffled := dated.Always(-1), dated.Always(-1)
		day := func(i int) time.Time { return june.AddDate(0, 0, i) }
		for i := range n {
			ordered = ordered.From(day(i), i)
		}
		for _, i := range r.Perm(n) {
			before := shuffled
			was := before.At(day(i))
			if shuffled = shuffled.From(day(i), i); before.At(day(i)) != was {
				t.Fatal("a value that was derived from has changed")
			}
		}
		for i := -1; i <= n; i++ {
			when := day(i).Add(time.Duration(r.Int64N(int64(24 * time.Hour))))
			if want := min(i, n-1); ordered.At(when) != want || shuffled.At(when) != want {
				t.Fatalf("%s: %d and %d, want %d", when, ordered.At(when), shuffled.At(when), want)
			}
		}
	}
	twice := dated.Always(1).From(june, 2).From(june, 3)
	if got := twice.At(june); got != 3 {
		t.Errorf("%d, want the later one given", got)
	}
}

// balance is the state of the accounts in the tests.
type balance struct {
	Cents int64 `json:"cents"`
}

// withFee takes a fee from each payment: two cents until the end of May 2025, then five.
func withFee() projection.Projection {
	fee := dated.Always[int64](2).From(june, 5)
	return projection.New("balance", 1, []string{"paid"}, func(s balance, e *event.Event) (balance, error) {
		var data struct{ Cents int64 }
		if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
			return s, err
		}
		cents, err := fee.For(e)
		if err != nil {
			return s, err
		}
		s.Cents += data.Cents - cents
		return s, nil
	})
}

// A fold across the date is the same on any day: each event gets the fee of its own time,
// also one that arrives after later ones.
func TestAFoldAcrossTheDateUsesEachEventsTime(t *testing.T) {
	var state []byte
	for i, text := range []string{
		"2025-05-31T23:59:59Z", "2025-06-01T00:00:00Z", "2025-05-30T12:00:00Z", "2025-06-02T00:00:00Z",
	} {
		fold, err := withFee().Begin(state)
		if err != nil {
			t.Fatal(err)
		}
		e := event.Event{ID: fmt.Sprint(i), Source: "test", Type: "paid", Subject: "a", Time: text, Data: `{"cents":100}`}
		if state, err = fold.Apply(&e); err != nil {
			t.Fatal(err)
		}
	}
	if want := fmt.Sprintf(`{"cents":%d}`, 400-2-5-2-5); string(state) != want {
		t.Errorf("%s, want %s", state, want)
	}
}

func ExampleValue() {
	fee := dated.Always(2).From(time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC), 5)
	for _, when := range []string{"2025-05-31T10:00:00Z", "2025-06-01T10:00:00Z"} {
		cents, err := fee.For(&event.Event{Time: when})
		fmt.Println(cents, err)
	}
	// Output:
	// 2 <nil>
	// 5 <nil>
}
