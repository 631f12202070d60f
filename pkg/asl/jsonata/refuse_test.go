package jsonata

import (
	"errors"
	"strings"
	"testing"
)

// TestCompileRefuses checks that what is outside the supported part of the
// language is refused by name.
func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{strings.Repeat("1+", MaxSourceBytes), "longer than 16384 bytes"},
		{"1 +", "unexpected end"},
		{"a", `field "a" has no context`},
		{"$", "$ has no context here"},
		{"$$.a", "$$ is not supported"},
		{"(1; 2)", "a block must have exactly one expression"},
		{"5 % 2", "the operator % is not supported"},
		{"$sum", "function $sum is used as a value"},
		{"$sum(1, 2)", "function $sum takes one argument here, not 2"},
		{"$now()", "function $now is not supported"},
		{"(1)(2)", "calling the result of an expression"},
		{"$a[]", "the suffix [] is not supported"},
		{"$a.b[]", "the suffix [] is not supported"},
		{"$a.$sum(b)", "after a dot is not supported"},
		{"$a.*", "the wildcard *"},
		{"$a.**", "the wildcard **"},
		{"/a/", "a regular expression"},
		{"$a{b: c}", "grouping with"},
		{"$a^(b)", "sorting with"},
		{"function($x) { $x }", "a function definition"},
		{"$sum(?)", "partial application"},
		{"$a := 1", "assignment with :="},
		{"$a ~> $sum", "the operator ~>"},
		{"|$a|{}|", "transformation with"},
		{"$jobs#$i", "the operator # is not supported"},
		{"$jobs@$j", "the operator @ is not supported"},
		{"$a.b'#'", "the name before the quote ' has no end"},
		{"!é", "! is not an operator"},
		{"$a ~日", "~ is not an operator"},
		{"$a!", "! is not an operator"},
	} {
		_, err := Compile(c.source)
		refused := (*SyntaxError)(nil)
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.want) {
			t.Errorf("%.40s gives %v, want %q", c.source, err, c.want)
		}
	}
}

// TestReads checks which variables and paths an expression is known to read
// without being evaluated.
func TestReads(t *testing.T) {
	for _, c := range []struct {
		source, variable, field string
		want                    bool
	}{
		{"$states.result.a", "states", "result", true},
		{"$states.input", "states", "result", false},
		{"$states", "states", "result", true},
		{"[1, {'a': $states.result[0]}]", "states", "result", true},
		{"$other.result", "states", "result", false},
	} {
		e, err := Compile(c.source)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Reads(c.variable, c.field); got != c.want {
			t.Errorf("%s reads $%s.%s: %t", c.source, c.variable, c.field, got)
		}
	}
}

// TestBounds checks the limits of ranges, sums and text.
func TestBounds(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"[1..$missing]", `{"value":[]}`},
		{"$count([1..262144])", `{"value":262144}`},
		{"$count([0..262144])", "fenced"},
		{"[1e300..1e300]", "fenced"},
		{"[9007199254740990..9007199254740993]", "fenced"},
		{"[-9007199254740991..-9007199254740990]", `{"value":[-9007199254740991,-9007199254740990]}`},
		{"$sum([1e308, 1e308])", `{"error"`},
		{"'#@!~é' & $text.`#!é`", `{"value":"#@!~é"}`},
		{"$text != '~' and $text != \"#\"", `{"value":true}`},
		{"$string([1234567890123456])", "fenced"},
		{"$string({'a': 1234567890123456})", "fenced"},
		{"$text", `{"value":"\b\t\n\f\r\u0001\"\\"}`},
	} {
		if got := answer(t, question{source: c.source, variables: []byte(`{"text":"\b\t\n\f\r\u0001\"\\"}`)}); got != c.want {
			t.Errorf("%s gives %s, want %s", c.source, got, c.want)
		}
	}
}

// TestTooMuch checks that no expression can take all memory or run for hours.
func TestTooMuch(t *testing.T) {
	zeros := make([]any, 20000)
	for i := range zeros {
		zeros[i] = 0.0
	}
	variables := map[string]any{"list": zeros, "text": strings.Repeat("x", 20000)}
	lookup := func(name string) (any, bool) { v, found := variables[name]; return v, found }
	for _, source := range []string{
		"[0..20000].([0..20000])",
		"[0..20000].($text & $string([1..2000]))",
		"$count([0..20000].($list))",
		"$count($list[[0..20000]])",
		"[0..20000].($string([$list]))",
		"[0..20000].([[$list]] = [[$list]])",
		"[0..20000].([[$list]] ? 1 : 2)",
		"$count([0..2000].{'a':$list}.a)",
	} {
		e, err := Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := e.Eval(lookup); !errors.Is(err, errTooMuch) {
			t.Errorf("%s: %v", source, err)
		}
	}
	if err := NewBudget().Spend([]any{zeros, zeros}, 0); err != nil {
		t.Errorf("a value within the budget: %v", err)
	}
	shared := any(zeros)
	for range 20 {
		shared = []any{shared, shared}
	}
	if err := NewBudget().Spend(shared, 0); !errors.Is(err, errTooMuch) {
		t.Errorf("a small value that encodes to gigabytes: %v", err)
	}
}

// TestDepthAndNumbersAreBounded checks both the check of JSON that is kept
// unchanged and decoding.
func TestDepthAndNumbersAreBounded(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct{ raw, want string }{
		{nested(MaxDepth), ""},
		{`{"a":"` + strings.Repeat("[", 2*MaxDepth) + `\"` + strings.Repeat("{", 2*MaxDepth) + `"}`, ""},
		{`[1.7e308,-5e-324,1e-999,"1e999"]`, ""},
		{nested(MaxDepth + 1), "nested more than 1000 levels"},
		{strings.Repeat("[", 6<<20), "nested more than 1000 levels"},
		{strings.Repeat(`{"a":`, 1<<20), "nested more than 1000 levels"},
		{`{"a":1e400}`, "the number 1e400 is out of range"},
		{`[-2E+308]`, "the number -2E+308 is out of range"},
		{`{"a"`, "JSON"},
	} {
		_, decoding := Decode([]byte(c.raw))
		for _, err := range []error{Check([]byte(c.raw)), decoding} {
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%.30s: %v, want %q", c.raw, err, c.want)
			}
		}
	}
	v, err := Decode([]byte(nested(MaxDepth)))
	if err != nil {
		t.Fatal(err)
	}
	if err := NewBudget().Spend([]any{v}, 0); !errors.Is(err, errTooDeep) {
		t.Errorf("one level more: %v", err)
	}
}
