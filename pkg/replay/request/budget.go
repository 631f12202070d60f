package request

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"reprise/pkg/event/strict"
	"reprise/pkg/meter"
)

// The limits of a budget.
const (
	// MaxDollars is the largest budget in US dollars.
	MaxDollars = 1_000_000
	// MaxReadUnits is the largest budget in read units.
	MaxReadUnits = 1_000_000_000_000
	// MaxToleratedFailures is the number of lane groups that a replay has at most.
	MaxToleratedFailures = 2 * MaxParallelism
)

// Money is an amount in millionths of a US dollar, exact. In JSON it is a decimal number
// of dollars with at most six decimal places.
type Money int64

// perDollar is the number of Money in a dollar.
const perDollar = 1_000_000

// MoneyOf rounds an amount in US dollars up, within the range of Money.
func MoneyOf(dollars float64) Money {
	const nothing = 1e-6 // of a millionth: what adding up floats leaves over
	return Money(math.Ceil(min(max(dollars, 0), 1e12)*perDollar - nothing))
}

// Dollars is the amount in US dollars.
func (m Money) Dollars() float64 { return float64(m) / perDollar }

// String is the amount with two to six decimal places, as $2.50.
func (m Money) String() string {
	text := strings.TrimRight(m.decimal(), "0")
	for whole, fraction, _ := strings.Cut(text, "."); len(fraction) < len("50"); fraction += "0" {
		text = whole + "." + fraction + "0"
	}
	return "$" + text
}

// decimal is the amount with six decimal places.
func (m Money) decimal() string {
	return fmt.Sprintf("%d.%06d", int64(m)/perDollar, int64(m)%perDollar)
}

// MarshalJSON implements json.Marshaler.
func (m Money) MarshalJSON() ([]byte, error) {
	if m < 0 {
		return nil, fmt.Errorf("encode money: %d is negative", int64(m))
	}
	return []byte(strings.TrimSuffix(strings.TrimRight(m.decimal(), "0"), ".")), nil
}

// UnmarshalJSON implements json.Unmarshaler. It takes any amount that Money can hold.
func (m *Money) UnmarshalJSON(raw []byte) (err error) {
	*m, err = money(string(raw))
	return err
}

var errMoney = fmt.Errorf("is not an amount in dollars above 0 and up to %d, with at most six decimal places",
	MaxDollars)

// money reads a decimal number exactly.
func money(text string) (Money, error) {
	const longest = 40 // bounds what the exact arithmetic works with
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) > longest || strings.ContainsAny(text, "xXpP_nNiI") || f < 0 || f > 1e12 {
		return 0, errMoney
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok || !exact.Mul(exact, big.NewRat(perDollar, 1)).IsInt() {
		return 0, errMoney
	}
	return Money(exact.Num().Int64()), nil
}

// Budget caps what a replay uses. Exactly one of its members is set; the zero Budget is
// none. It is also an amount that was used, in the unit of a budget.
type Budget struct {
	// Dollars are US dollars at the list prices of meter.OnDemand, ReadUnits are read
	// units of the log and of all other tables.
	Dollars   Money `json:"dollars,omitempty"`
	ReadUnits int64 `json:"readUnits,omitempty"`
}

// None reports whether it caps nothing.
func (b Budget) None() bool { return b == Budget{} }

// Of is a usage in the unit of the budget, rounded up.
func (b Budget) Of(used meter.Usage) Budget {
	if b.Dollars > 0 {
		return Budget{Dollars: MoneyOf(meter.OnDemand().Cost(used))}
	}
	return Budget{ReadUnits: int64(math.Ceil(used.ReadUnits))}
}

// UsedUp reports whether a usage reaches the budget; never if there is none.
func (b Budget) UsedUp(used meter.Usage) bool {
	switch of := b.Of(used); {
	case b.Dollars > 0:
		return of.Dollars >= b.Dollars
	case b.ReadUnits > 0:
		return of.ReadUnits >= b.ReadUnits
	}
	return false
}

// String is the amount with its unit.
func (b Budget) String() string {
	switch {
	case b.Dollars > 0:
		return b.Dollars.String()
	case b.ReadUnits > 0:
		return strconv.FormatInt(b.ReadUnits, 10) + " read units"
	}
	return "none"
}

// problem says what is wrong with a budget, "" if it may be one.
func (b Budget) problem() string {
	switch {
	case (b.Dollars == 0) == (b.ReadUnits == 0):
		return "budget needs exactly one of dollars and readUnits"
	case b.Dollars < 0 || b.Dollars > MaxDollars*perDollar:
		return "budget: dollars " + errMoney.Error()
	case b.ReadUnits < 0 || b.ReadUnits > MaxReadUnits:
		return fmt.Sprintf("budget: readUnits %d is not between 1 and %d", b.ReadUnits, MaxReadUnits)
	}
	return ""
}

// Check returns ErrInvalid for what cannot be a budget. None is a budget here.
func (b Budget) Check() error {
	if problem := b.problem(); problem != "" && !b.None() {
		return fmt.Errorf("%w: %s", ErrInvalid, problem)
	}
	return nil
}

// BudgetOrNone reads the JSON of a budget; null is none. It returns ErrInvalid for
// anything else.
func BudgetOrNone(raw []byte) (Budget, error) {
	if string(raw) == "null" {
		return Budget{}, nil
	}
	var b *Budget
	if err := budget(&b)("budget", raw); err != nil {
		return Budget{}, err
	}
	return *b, nil
}

// budget reads an object with dollars or readUnits.
func budget(into **Budget) func(string, []byte) error {
	return func(name string, raw []byte) error {
		var given struct {
			Dollars   json.RawMessage `json:"dollars"`
			ReadUnits json.RawMessage `json:"readUnits"`
		}
		if err := strict.Unmarshal(raw, &given); err != nil {
			return fault("%s: %w", name, err)
		}
		var b Budget
		switch {
		case (given.Dollars == nil) == (given.ReadUnits == nil):
			return fault("%s needs exactly one of dollars and readUnits", name)
		case given.Dollars != nil:
			var err error
			if b.Dollars, err = money(string(given.Dollars)); err != nil || b.problem() != "" {
				return fault("%s: dollars %s %w", name, clipped(string(given.Dollars)), errMoney)
			}
		default:
			var n int
			if err := integer(&n, 1, MaxReadUnits)(name+": readUnits", given.ReadUnits); err != nil {
				return err
			}
			b.ReadUnits = int64(n)
		}
		*into = &b
		return nil
	}
}

// BudgetOf reads a budget as people write it: 2.50usd or 400000ru.
func BudgetOf(text string) (b Budget, err error) {
	digits := func(text, of string) bool { return text != "" && strings.Trim(text, of) == "" }
	dollars, paid := strings.CutSuffix(text, "usd")
	units, reads := strings.CutSuffix(text, "ru")
	switch {
	case paid && digits(dollars, "0123456789."):
		if b.Dollars, err = money(dollars); err != nil || b.problem() != "" {
			return Budget{}, fmt.Errorf("%s %w", clipped(text), errMoney)
		}
	case reads && digits(units, "0123456789"):
		if b.ReadUnits, err = strconv.ParseInt(units, 10, 64); err != nil || b.problem() != "" {
			return Budget{}, fmt.Errorf("%s is not a number of read units between 1 and %d", clipped(text), int64(MaxReadUnits))
		}
	default:
		return Budget{}, errors.New("expected an amount such as 2.50usd or 400000ru")
	}
	return b, nil
}
