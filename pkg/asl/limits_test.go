package asl_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reprise/pkg/asl"
	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/jsonata"
)

// nested is a Pass whose Output is nested in a list of that depth.
func nested(depth int, inner string) string {
	return pass(`"Output":` + strings.Repeat("[", depth) + inner + strings.Repeat("]", depth) + `,`)
}

// hostile are definitions that must be refused, or accepted, within a moment.
var hostile = []struct{ name, definition, want string }{
	{"deep", nested(400_000, ""), "nested more than 1000 levels deep"},
	{"unclosed", strings.Repeat("[", asl.MaxDefinitionBytes), "nested more than 1000 levels deep"},
	{"deep and wide", nested(900, strings.Repeat("1,", 500_000)+"1"), ""},
	{"deep and wide with long names", pass(`"Output":` + strings.Repeat(`{"`+strings.Repeat("n", 500)+`":`, 900) +
		"[" + strings.Repeat("1,", 200_000) + "1]" + strings.Repeat("}", 900) + ","), ""},
	{"problems everywhere", pass(`"Output":[` + strings.Repeat(`"{%!é%}",`, 100_000) + `1],`), "! is not an operator"},
	{"placeholders everywhere", pass(`"Output":"` + strings.Repeat("${x}", 250_000) + `",`), "has no value"},
	{"number", pass(`"Output":1e400,`), "the number 1e400 is out of range"},
	{
		"join by position",
		pass(`"Output":"{% $count($states.input.jobs#$i) %}",`),
		"field Output: expression \"$count($states.input.jobs#$i)\": the operator # is not supported",
	},
	{"join by context", pass(`"Output":"{% $count($states.input.jobs@$j) %}",`), "the operator @ is not supported"},
}

func TestParseIsBounded(t *testing.T) {
	for _, c := range hostile {
		watch := time.AfterFunc(20*time.Second, func() { panic("too slow: " + c.name) })
		_, err := asl.Parse([]byte(c.definition), nil)
		watch.Stop()
		refused := (*asl.DefinitionError)(nil)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %.200v", c.name, err)
		case c.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %.200v, want %s", c.name, err, c.want)
		}
	}
}

// TestTemplateIsBounded checks that the expressions of one field share a budget.
func TestTemplateIsBounded(t *testing.T) {
	for _, c := range []struct{ name, definition, want string }{
		{"many ranges", pass(`"Output":[` + strings.Repeat(`"{% [1..262144] %}",`, 100) + `1],`), "steps"},
		{"many copies", pass(`"Output":[` + strings.Repeat(`"{% $states.input %}",`, 30_000) + `1],`), "steps"},
		{"deeper than the input", nested(900, `"{% $states.input %}"`), "nested more than 1000 levels deep"},
	} {
		m, err := asl.Parse([]byte(c.definition), nil)
		if err != nil {
			t.Fatal(err)
		}
		input, err := jsonata.Decode([]byte(strings.Repeat("[", 200) + strings.Repeat("1,", 1000) + "1" +
			strings.Repeat("]", 200)))
		if err != nil {
			t.Fatal(err)
		}
		reserved := &jsonata.Object{}
		reserved.Set("input", input)
		_, err = m.States()[0].Output.EvalJSON(func(string) (any, bool) { return reserved, true })
		failed := (*asl.EvaluationError)(nil)
		if !errors.As(err, &failed) || !strings.Contains(failed.Reason, c.want) ||
			!strings.HasPrefix(failed.Location, "Output[") {
			t.Errorf("%s: %.200v", c.name, err)
		}
	}
}

// FuzzParse looks for definitions, and values of a field, that make Parse, Lint
// or an evaluation panic or hang, or that Parse does not accept a second time.
func FuzzParse(f *testing.F) {
	for _, c := range hostile {
		f.Add(fmt.Sprintf("%.4000s", c.definition), `"{% $states.input %}"`)
	}
	files, err := filepath.Glob("../../workflows/*.asl.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw), `[1,{"a":"{% [1..3] %}"}]`)
	}
	for _, seed := range []string{asltest.Mixed(), asltest.Choice(), `{}`, `[`, `{"States":{"":{}}}`} {
		f.Add(seed, `"{% [0..20000].([0..20000]) %}"`)
	}
	for _, field := range []string{
		`"{% $a#$i %}"`, `"{% !é %}"`, `"{% $x ~日 %}"`, `1e400`,
		strings.Repeat("[", 1001),
		`["{%","{% 1"," {% 1 %}"]`,
	} {
		f.Add(`{}`, field)
	}
	f.Fuzz(func(t *testing.T, definition, field string) {
		watch := time.AfterFunc(20*time.Second, func() { panic("too slow: " + definition + field) })
		defer watch.Stop()
		parseAndEvaluate(t, definition)
		parseAndEvaluate(t, pass(`"Assign":{"x":`+field+`},"Output":`+field+`,`))
	})
}

func parseAndEvaluate(t *testing.T, definition string) {
	m, err := asl.Parse([]byte(definition), nil)
	if refused := (*asl.DefinitionError)(nil); err != nil {
		if !errors.As(err, &refused) || err.Error() == "" {
			t.Fatal(err)
		}
		return
	}
	asl.Lint(m)
	if again, err := asl.Parse(m.Definition(), nil); err != nil || again.Hash() != m.Hash() {
		t.Fatalf("its own definition is refused: %v", err)
	}
	reserved := &jsonata.Object{}
	reserved.Set("input", []any{1.0, "a", &jsonata.Object{}})
	lookup := func(name string) (any, bool) {
		if name == "states" {
			return reserved, true
		}
		return reserved.Get("input")
	}
	for _, s := range m.States() {
		if s.Output == nil {
			continue
		}
		raw, err := s.Output.EvalJSON(lookup)
		if failed := (*asl.EvaluationError)(nil); err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		} else if err == nil && jsonata.Check(raw) != nil {
			t.Fatalf("Output gives %q: %v", raw, jsonata.Check(raw))
		}
	}
}
