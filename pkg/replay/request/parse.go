package request

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/event/strict"
)

// wire is a request before its members are read. Every member is read strictly, so
// none has a type of its own.
type wire struct {
	From        json.RawMessage `json:"from"`
	To          json.RawMessage `json:"to"`
	Types       json.RawMessage `json:"types"`
	Entities    json.RawMessage `json:"entities"`
	Prefixes    json.RawMessage `json:"prefixes"`
	Attribute   json.RawMessage `json:"attribute"`
	Rebuild     json.RawMessage `json:"rebuild"`
	Promote     json.RawMessage `json:"promote"`
	Ordering    json.RawMessage `json:"ordering"`
	Slice       json.RawMessage `json:"slice"`
	Parallelism json.RawMessage `json:"parallelism"`
	Rate        json.RawMessage `json:"rate"`
	Budget      json.RawMessage `json:"budget"`
	Effects     json.RawMessage `json:"effects"`
	Tolerated   json.RawMessage `json:"toleratedFailures"`
	Verifies    json.RawMessage `json:"verification"`
	DryRun      json.RawMessage `json:"dryRun"`
}

// Parse decodes the input of a replay execution strictly, since with a misspelt
// filter, or one that an encoder has changed, it would replay something else. The
// input must be an object: {} replays the whole log, but an empty input may be a
// mistake. It returns the request's normal form, or ErrInvalid with the member at
// fault.
func Parse(raw []byte) (Request, error) {
	var w wire
	if err := strict.Unmarshal(raw, &w); err != nil {
		return Request{}, refused(err)
	}
	r, err := w.request()
	if err != nil {
		return Request{}, err
	}
	return r.Normalized()
}

// refused is an error of package strict in the words of a request's.
func refused(err error) error {
	var invalid *strict.Error
	if errors.As(err, &invalid) && invalid.Member == "" {
		return fmt.Errorf("%w: the input: %w", ErrInvalid, invalid)
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

func (w *wire) request() (r Request, err error) {
	for _, m := range []struct {
		name string
		raw  json.RawMessage
		read func(name string, raw []byte) error
	}{
		{"from", w.From, instant(&r.From)},
		{"to", w.To, instant(&r.To)},
		{"types", w.Types, list(&r.Types)},
		{"entities", w.Entities, list(&r.Entities)},
		{"prefixes", w.Prefixes, list(&r.Prefixes)},
		{"attribute", w.Attribute, attribute(&r.Attribute)},
		{"rebuild", w.Rebuild, value(&r.Rebuild)},
		{"promote", w.Promote, promotion(&r)},
		{"effects", w.Effects, text(&r.Effects)},
		{"ordering", w.Ordering, text(&r.Ordering)},
		{"slice", w.Slice, text(&r.Slice)},
		{"parallelism", w.Parallelism, integer(&r.Parallelism, 1, MaxParallelism)},
		{"rate", w.Rate, integer(&r.Rate, 0, MaxRate)},
		{"budget", w.Budget, budget(&r.Budget)},
		{"toleratedFailures", w.Tolerated, optional(&r.ToleratedFailures, 0, MaxToleratedFailures)},
		{"verification", w.Verifies, text(&r.Verification)},
		{"dryRun", w.DryRun, value(&r.DryRun)},
	} {
		if m.raw == nil {
			continue
		}
		if string(m.raw) == "null" {
			return Request{}, fault("%s must not be null: leave it out", m.name)
		}
		if err := m.read(m.name, m.raw); err != nil {
			return Request{}, err
		}
	}
	return r, nil
}

func fault(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// value reads what the standard library decodes exactly.
func value[T any](into *T) func(string, []byte) error {
	return func(name string, raw []byte) error {
		err := json.Unmarshal(raw, into)
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fault("%s must not be a %s", name, kind.Value)
		}
		return err
	}
}

// text reads a string that must not be empty: an empty one would mean the default.
func text[T ~string](into *T) func(string, []byte) error {
	return func(name string, raw []byte) error {
		if err := value(into)(name, raw); err != nil {
			return err
		}
		if *into == "" {
			return fault("%s must not be empty: leave it out", name)
		}
		return nil
	}
}

// list reads a list that must not be empty: it would mean all, and may be a variable
// that a script never filled.
func list(into *[]string) func(string, []byte) error {
	return func(name string, raw []byte) error {
		if err := value(into)(name, raw); err != nil {
			return err
		}
		if len(*into) == 0 {
			return fault("%s must not be empty: leave it out to select all", name)
		}
		return nil
	}
}

// instant reads a time as events have them, to nanoseconds.
func instant(into **time.Time) func(string, []byte) error {
	return func(name string, raw []byte) error {
		var given string
		if err := value(&given)(name, raw); err != nil {
			return err
		}
		t, err := ParseTime(given)
		if err != nil {
			return fault("%s %w", name, err)
		}
		*into = &t
		return nil
	}
}

var errTime = errors.New("is not an RFC 3339 time such as 2026-03-01T00:00:00Z, with at most nine decimal places")

// ParseTime reads an RFC 3339 time with capital T and Z and at most nine decimal
// places, more of which would be lost. The location never depends on the machine.
func ParseTime(text string) (time.Time, error) {
	t, err := event.ParseTime(text)
	if _, fraction, found := strings.Cut(text, "."); err != nil || found && len(fraction) > len("123456789+00:00") ||
		found && digits(fraction) > 9 {
		return time.Time{}, errTime
	}
	return t, nil
}

// digits counts the decimal digits that a text begins with.
func digits(text string) int { return len(text) - len(strings.TrimLeft(text, "0123456789")) }

// integer reads a whole number within [low, high], however it is written: 8, 8.0 or
// 0.8e1, which JSON does not tell apart.
func integer(into *int, low, high int) func(string, []byte) error {
	return func(name string, raw []byte) error {
		var number json.Number
		if len(raw) > 0 && raw[0] == '"' {
			return fault("%s must not be a string", name)
		}
		if err := value(&number)(name, raw); err != nil {
			return err
		}
		f, err := strconv.ParseFloat(number.String(), 64)
		if err != nil || f < float64(low) || f > float64(high) || f != math.Trunc(f) || !exact(number.String(), f) {
			return fault("%s %s is not a whole number between %d and %d", name, clipped(number.String()), low, high)
		}
		*into = int(f)
		return nil
	}
}

// optional reads a whole number that has no default.
func optional(into **int, low, high int) func(string, []byte) error {
	return func(name string, raw []byte) error {
		var n int
		if err := integer(&n, low, high)(name, raw); err != nil {
			return err
		}
		*into = &n
		return nil
	}
}

// exact reports whether a number that reads as the whole number f is f, and was not
// rounded to it, such as 1e-400 to 0.
func exact(text string, f float64) bool {
	if len(text) > 40 {
		return false
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	if f == 0 {
		return strings.Trim(mantissa, "-0.") == ""
	}
	const significant = 15 // that every float64 keeps
	return len(strings.Trim(strings.Replace(mantissa, ".", "", 1), "-0")) <= significant
}

// attribute reads an object with a name and a value.
func attribute(into **Attribute) func(string, []byte) error {
	return func(name string, raw []byte) error {
		var given struct {
			Name  *string `json:"name"`
			Value *string `json:"value"`
		}
		if err := strict.Unmarshal(raw, &given); err != nil {
			return fault("%s: %w", name, err)
		}
		if given.Name == nil || given.Value == nil {
			return fault("%s needs a name and a value, both strings", name)
		}
		*into = &Attribute{Name: *given.Name, Value: *given.Value}
		return nil
	}
}
