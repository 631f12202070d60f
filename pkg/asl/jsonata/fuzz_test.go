package jsonata

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// FuzzCompile looks for expressions that make the parser fail with anything
// other than a SyntaxError, or the evaluator with anything other than an
// EvalError.
func FuzzCompile(f *testing.F) {
	for _, source := range table {
		f.Add(source)
	}
	f.Add("function($x)<n:n>{1}")
	for _, source := range []string{"/a/i ~> $x^(<y)", "$jobs#$i", "$jobs@$j", "!é", "$a ~日", "[0..20000].([0..20000])",
		strings.Repeat("[", 500), "$v.`#!`&'~'", "$a'#'"} {
		f.Add(source)
	}
	decoded, err := Decode([]byte(sample))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string) {
		// A minute, since the machine may be busy with other tests.
		watch := time.AfterFunc(time.Minute, func() { panic("too slow: " + source) })
		defer watch.Stop()
		expr, err := Compile(source)
		if refused := (*SyntaxError)(nil); err != nil {
			if !errors.As(err, &refused) {
				t.Fatalf("%v", err)
			}
			return
		}
		v, defined, err := expr.Eval(decoded.(*Object).Get)
		if failed := (*EvalError)(nil); err != nil && !errors.As(err, &failed) {
			t.Fatalf("%v", err)
		}
		if err == nil && defined {
			if _, err := Decode(Encode(v)); err != nil && !strings.Contains(source, "\\u") {
				t.Fatalf("the result is not JSON: %v", err)
			}
		}
	})
}
