package asl

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"reprise/pkg/asl/jsonata"
)

// Template is a JSON value in which strings may be expressions. A nil Template
// is an absent field.
type Template struct {
	field   path
	literal any
	expr    *jsonata.Expr
	names   []string
	values  []*Template
	isList  bool
}

// path is the place of a value within a state. Its text is made only when
// somebody reads it: the texts of all places in a deep value would be far longer
// than the value.
type path struct {
	outer *path
	part  string // the field, ".name" or "[index]"
}

func (p *path) String() string {
	var parts []string
	for ; p != nil; p = p.outer {
		parts = append(parts, p.part)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "")
}

// EvaluationError is the reason why a field's value cannot be used. Location is
// the field, such as "Retry[0].ErrorEquals".
type EvaluationError struct{ Location, Reason string }

func (e *EvaluationError) Error() string { return fmt.Sprintf("%s: %s", e.Location, e.Reason) }

// Refuse makes the error for a value of the template that cannot be used.
func (t *Template) Refuse(reason string) *EvaluationError {
	return &EvaluationError{Location: t.field.String(), Reason: reason}
}

const open, closing = "{%", "%}"

func isExpression(text string) bool {
	return len(text) >= len(open)+len(closing) && strings.HasPrefix(text, open) && strings.HasSuffix(text, closing)
}

// compileTemplate compiles the decoded JSON value of a field and calls refuse
// for each invalid expression.
func compileTemplate(field path, v any, refuse func(field, reason string)) *Template {
	t := &Template{field: field}
	inner := func(part string, v any) *Template {
		return compileTemplate(path{outer: &t.field, part: part}, v, refuse)
	}
	switch v := v.(type) {
	case string:
		if !isExpression(v) {
			t.literal = v
			return t
		}
		expr, err := jsonata.Compile(strings.TrimSpace(v[len(open) : len(v)-len(closing)]))
		if err != nil {
			refuse(field.String(), err.Error())
			return t
		}
		t.expr = expr
	case []any:
		t.isList = true
		for i, item := range v {
			t.values = append(t.values, inner(fmt.Sprintf("[%d]", i), item))
		}
	case *jsonata.Object:
		t.names = []string{}
		for name, member := range v.All() {
			if strings.HasSuffix(name, ".$") {
				refuse(field.String()+"."+name, "names ending in .$ belong to JSONPath: use a {% … %} string")
			}
			t.names = append(t.names, name)
			t.values = append(t.values, inner("."+name, member))
		}
	default:
		t.literal = v
	}
	return t
}

// Eval returns the template's value, of at most jsonata.MaxDepth and
// jsonata.MaxWork. It fails with an *EvaluationError.
func (t *Template) Eval(lookup jsonata.Lookup) (any, error) {
	return t.eval(lookup, jsonata.NewBudget(), 0)
}

func (t *Template) eval(lookup jsonata.Lookup, budget *jsonata.Budget, depth int) (any, error) {
	switch {
	case t.expr != nil:
		v, defined, err := t.expr.EvalWithin(budget, lookup)
		if err != nil {
			return nil, t.Refuse(err.Error())
		}
		if !defined {
			return nil, t.Refuse(fmt.Sprintf("the expression %q gave nothing (undefined)", t.expr.Source()))
		}
		if err := budget.Spend(v, depth); err != nil {
			return nil, t.Refuse(err.Error())
		}
		return v, nil
	case t.isList:
		items := make([]any, len(t.values))
		for i, item := range t.values {
			var err error
			if items[i], err = item.eval(lookup, budget, depth+1); err != nil {
				return nil, err
			}
		}
		return items, nil
	case t.names != nil:
		object := &jsonata.Object{}
		for i, name := range t.names {
			v, err := t.values[i].eval(lookup, budget, depth+1)
			if err != nil {
				return nil, err
			}
			object.Set(name, v)
		}
		return object, nil
	}
	return t.literal, nil
}

// EvalJSON is Eval with the value encoded as JSON.
func (t *Template) EvalJSON(lookup jsonata.Lookup) (json.RawMessage, error) {
	v, err := t.Eval(lookup)
	if err != nil {
		return nil, err
	}
	return jsonata.Encode(v), nil
}

// EvalText is Eval for a value that must be a string.
func (t *Template) EvalText(lookup jsonata.Lookup) (string, error) {
	v, err := t.Eval(lookup)
	if err != nil {
		return "", err
	}
	s, ok := v.(string)
	if !ok {
		return "", t.Refuse("the value is not a string")
	}
	return s, nil
}

func (t *Template) member(name string) *Template {
	if t == nil {
		return nil
	}
	for i, n := range t.names {
		if n == name {
			return t.values[i]
		}
	}
	return nil
}

func (t *Template) constantString() (string, bool) {
	if t == nil {
		return "", false
	}
	s, ok := t.literal.(string)
	return s, ok
}

// Expressions lists the expressions in a template.
func (t *Template) Expressions() []*jsonata.Expr {
	if t == nil {
		return nil
	}
	if t.expr != nil {
		return []*jsonata.Expr{t.expr}
	}
	var all []*jsonata.Expr
	for _, v := range t.values {
		all = append(all, v.Expressions()...)
	}
	return all
}

// Number is a field that is a number within bounds or an expression for one. A
// nil Number is an absent field.
type Number struct {
	template *Template
	min, max float64
	whole    bool
}

// Constant returns the number, or false if it is absent or an expression.
func (n *Number) Constant() (float64, bool) {
	if n == nil {
		return 0, false
	}
	f, ok := n.template.literal.(float64)
	return f, ok
}

func (n *Number) within(v any) (float64, error) {
	f, ok := v.(float64)
	if !ok || f < n.min || f > n.max || (n.whole && f != math.Trunc(f)) {
		kind := "number"
		if n.whole {
			kind = "whole number"
		}
		return 0, n.template.Refuse(fmt.Sprintf("the value is not a %s from %v to %v", kind, n.min, n.max))
	}
	return f, nil
}

// Eval returns the number, or absent if the field is absent. It fails with an
// *EvaluationError.
func (n *Number) Eval(lookup jsonata.Lookup, absent float64) (float64, error) {
	if n == nil {
		return absent, nil
	}
	v, err := n.template.Eval(lookup)
	if err != nil {
		return 0, err
	}
	return n.within(v)
}
