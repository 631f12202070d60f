package request

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/meter"
)

// Amounts are exact: no decimal place that is given is lost, and none is made up.
func TestBudgetsAreExact(t *testing.T) {
	for _, c := range []struct {
		input, text string
		want        Budget
	}{
		{`{"dollars":2.5}`, "$2.50", Budget{Dollars: 2_500_000}},
		{`{"dollars":25e-1}`, "$2.50", Budget{Dollars: 2_500_000}},
		{`{"dollars":0.000001}`, "$0.000001", Budget{Dollars: 1}},
		{`{"dollars":1.234567}`, "$1.234567", Budget{Dollars: 1_234_567}},
		{`{"dollars":999999.999999}`, "$999999.999999", Budget{Dollars: 999_999_999_999}},
		{`{"dollars":1000000}`, "$1000000.00", Budget{Dollars: 1_000_000_000_000}},
		{`{"dollars":10}`, "$10.00", Budget{Dollars: 10_000_000}},
		{`{"readUnits":1000000000000}`, "1000000000000 read units", Budget{ReadUnits: MaxReadUnits}},
		{`null`, "none", Budget{}},
	} {
		got, err := BudgetOrNone([]byte(c.input))
		if err != nil || got != c.want || got.String() != c.text {
			t.Errorf("%s: %+v, %s, %v", c.input, got, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := Budget{Dollars: Money(rapid.Int64Range(1, MaxDollars*perDollar).Draw(t, "dollars"))}
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := BudgetOrNone(raw)
		if err != nil || got != want {
			t.Fatalf("%s is %+v, %v", raw, got, err)
		}
		shown, err := BudgetOf(strings.TrimPrefix(want.String(), "$") + "usd")
		if err != nil || shown != want {
			t.Fatalf("%s is %+v, %v", want, shown, err)
		}
	})
}

func TestWhatIsNoBudgetIsRefused(t *testing.T) {
	for _, input := range []string{`{"dollars":0}`, `{"dollars":-1}`, `{"dollars":1e400}`, `{"dollars":1e-400}`,
		`{"dollars":1000000.000001}`, `{"dollars":0.0000001}`, `{"dollars":"1"}`, `{"dollars":null}`, `{"dollars":[1]}`,
		`{"readUnits":0}`, `{"readUnits":-1}`, `{"readUnits":1.5}`, `{"readUnits":1e13}`, `{"readUnits":"1"}`, `{}`,
		`{"dollars":1,"readUnits":1}`, `{"dollars":1,"dollars":2}`, `{"Dollars":1}`, `[]`, `2.5`, `"2.5usd"`, ``, `none`} {
		if got, err := BudgetOrNone([]byte(input)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "budget") {
			t.Errorf("%s: %+v, %v", input, got, err)
		}
	}
	for _, text := range []string{"", "usd", "ru", "2.5", "$2.5", "-1usd", "0usd", "0ru", "1.5ru", "NaNusd", "1e3usd",
		"1_0usd", "1000000.01usd", "1000000000001ru", "99999999999999999999ru", "2.5USD",
		" 1usd", "0x10usd", "1/2usd", "1..2usd"} {
		if got, err := BudgetOf(text); err == nil {
			t.Errorf("%s is %+v", text, got)
		}
	}
	for _, b := range []Budget{{Dollars: -1}, {ReadUnits: -1}, {Dollars: 1, ReadUnits: 1}, {ReadUnits: MaxReadUnits + 1},
		{Dollars: MaxDollars*perDollar + 1}} {
		if err := (Request{Budget: &b}).Check(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", b, err)
		}
	}
}

// A budget is used up when it is reached, and not before.
func TestABudgetIsUsedUpWhenItIsReached(t *testing.T) {
	million := meter.Usage{ReadUnits: 1_000_000} // 0.125 dollars
	for _, c := range []struct {
		budget Budget
		used   meter.Usage
		want   bool
	}{
		{Budget{ReadUnits: 1_000_000}, million, true},
		{Budget{ReadUnits: 1_000_001}, million, false},
		{Budget{Dollars: 125_000}, million, true},
		{Budget{Dollars: 125_001}, million, false},
		{Budget{Dollars: 125_000}, million.Sub(meter.Usage{ReadUnits: 8}), false}, // a millionth less
		{Budget{ReadUnits: 1}, meter.Usage{WriteUnits: 1e9}, false},
		{Budget{Dollars: 1}, meter.Usage{}, false},
		{Budget{}, million, false},
	} {
		if got := c.budget.UsedUp(c.used); got != c.want {
			t.Errorf("%s of %+v: %v, %s", c.budget, c.used, got, c.budget.Of(c.used))
		}
	}
}
