package jsonata

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	upstream "github.com/blues/jsonata-go"
)

// deviating are expressions of the supported part that jsonata-go v1.5.4
// evaluates differently from npm jsonata. They are the reason why this package
// has an evaluator of its own. If another version shortens the list, the
// decision can be reconsidered.
var deviating = []string{
	// An empty list becomes undefined, which breaks Items, Output and $count.
	`$states.input.none`, `$states.input.nested[2]`,
	// null becomes undefined, in data and in variables.
	`$states.input.nil`, `$exists($states.input.nil)`, `$type($states.input.nil)`,
	`$nothing`, `$nothing = null`, `null in [null]`,
	// Lists of lists.
	`$states.input.deep[0][0]`, `[[1,2],[3]].{"a":$}`, `[1] in [[1]]`,
	// Text of numbers, objects and characters; the order of texts.
	`$string($states.input)`, `$string(0.1+0.2)`, `$string(-0.0)`, `"<&>" & $string({"k":"<\u2028"})`, `"\uFF5E" < "😀"`,
	// Undefined values in comparisons and predicates.
	`1 < $states.input.missing`, `$not($states.input.missing)`, `$missing["a">1]`, `$states.input.items.{tag: id}`,
	// What the versions of npm jsonata also disagree about.
	`$number("0x10")`, `false and (1+"a")`, `true or ("a"<1)`, `$states.input."s"`,
}

// upstreamAnswer evaluates with jsonata-go.
func upstreamAnswer(source string, variables json.RawMessage) (answer string) {
	defer func() {
		if r := recover(); r != nil {
			answer = fmt.Sprintf("panic: %v", r)
		}
	}()
	expr, err := upstream.Compile(source)
	if err != nil {
		return `{"error"`
	}
	var vars map[string]any
	if err := json.Unmarshal(variables, &vars); err != nil {
		return err.Error()
	}
	if err := expr.RegisterVars(vars); err != nil {
		return err.Error()
	}
	v, err := expr.Eval(nil)
	switch {
	case errors.Is(err, upstream.ErrUndefined):
		return `{"undefined":true}`
	case err != nil:
		return `{"error"`
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return `{"error"`
	}
	return `{"value":` + string(raw) + `}`
}

func sameJSON(a, b string) bool {
	va, errA := Decode([]byte(a))
	vb, errB := Decode([]byte(b))
	return errA == nil && errB == nil && equal(va, vb)
}

// TestDeviationsOfTheGoEvaluator checks that the list of deviations is still
// true.
func TestDeviationsOfTheGoEvaluator(t *testing.T) {
	variables := json.RawMessage(strings.ReplaceAll(sample, "\n", ""))
	questions := make([]question, len(table))
	for i, source := range table {
		questions[i] = question{source: source, variables: variables}
	}
	theirs := askNode(t, questions)
	var found []string
	for i, source := range table {
		got := upstreamAnswer(source, variables)
		if agree(got, theirs[i]) || sameJSON(got, theirs[i]) {
			continue
		}
		found = append(found, source)
		if !slices.Contains(deviating, source) {
			t.Errorf("%s\n  jsonata-go %s\n  npm        %s", source, got, theirs[i])
		}
	}
	for _, source := range deviating {
		if !slices.Contains(found, source) {
			t.Errorf("%s no longer deviates", source)
		}
	}
}
