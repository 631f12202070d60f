package jsonata

import (
	"errors"
	"strings"
	"testing"
)

// TestCompileRefuses checks that what lies outside the supported part of the
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
	} {
		_, err := Compile(c.source)
		refused := (*SyntaxError)(nil)
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, c.want) {
			t.Errorf("%.40s gives %v, want %q", c.source, err, c.want)
		}
	}
}

// TestReads checks what an expression is known to read without evaluating it.
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

// TestBounds checks what ranges, sums and text are held to.
func TestBounds(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"[1..$missing]", `{"value":[]}`},
		{"$count([1..262144])", `{"value":262144}`},
		{"$count([0..262144])", "fenced"},
		{"$sum([1e308, 1e308])", `{"error"`},
		{"$string([1234567890123456])", "fenced"},
		{"$string({'a': 1234567890123456})", "fenced"},
		{"$text", `{"value":"\b\t\n\f\r\u0001\"\\"}`},
	} {
		if got := answer(t, question{source: c.source, variables: []byte(`{"text":"\b\t\n\f\r\u0001\"\\"}`)}); got != c.want {
			t.Errorf("%s gives %s, want %s", c.source, got, c.want)
		}
	}
}
