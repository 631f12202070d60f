package jsonata

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/blues/jsonata-go/jparse"
)

// functions are the supported functions, each with one argument.
var functions = map[string]func(any) (any, error){
	"count": count, "exists": exists, "max": most, "merge": merge, "not": not,
	"number": number, "string": stringOf, "sum": sum, "type": typeOf,
}

// readsWhole are the functions that may read every part of their argument.
var readsWhole = map[string]bool{"max": true, "merge": true, "not": true, "string": true, "sum": true}

func (ev *evaluator) call(node *jparse.FunctionCallNode, context any) (any, error) {
	name := node.Func.(*jparse.VariableNode).Name
	argument, err := ev.eval(node.Args[0], context)
	if err != nil {
		return nil, err
	}
	if readsWhole[name] {
		if err := ev.budget.Spend(argument, 0); err != nil {
			return nil, err
		}
	}
	v, err := functions[name](argument)
	if err != nil {
		return nil, fmt.Errorf("$%s: %w", name, err)
	}
	return v, nil
}

func elements(v any) []any {
	if items, ok := list(v); ok {
		return items
	}
	return []any{v}
}

func exists(v any) (any, error) { return !isUndefined(v), nil }

func count(v any) (any, error) {
	if isUndefined(v) {
		return 0.0, nil
	}
	return float64(len(elements(v))), nil
}

func sum(v any) (any, error) {
	if isUndefined(v) {
		return v, nil
	}
	total := 0.0
	for _, item := range elements(v) {
		f, ok := item.(float64)
		if !ok {
			return nil, errors.New("an element is not a number")
		}
		total += f
	}
	if math.IsInf(total, 0) {
		return nil, errors.New("the sum is out of range")
	}
	return total, nil
}

// most is the greatest of numbers; of none it is undefined.
func most(v any) (any, error) {
	if isUndefined(v) {
		return v, nil
	}
	items := elements(v)
	if len(items) == 0 {
		return undefined, nil
	}
	greatest := math.Inf(-1)
	for _, item := range items {
		f, ok := item.(float64)
		if !ok {
			return nil, errors.New("an element is not a number")
		}
		greatest = max(greatest, f)
	}
	return greatest, nil
}

func not(v any) (any, error) {
	if isUndefined(v) {
		return nil, &FencedError{Reason: "the argument is undefined, on which versions of JSONata disagree"}
	}
	return !truthy(v), nil
}

func merge(v any) (any, error) {
	if isUndefined(v) {
		return v, nil
	}
	merged := &Object{}
	for _, item := range elements(v) {
		object, ok := item.(*Object)
		if !ok {
			return nil, errors.New("an element is not an object")
		}
		for _, key := range object.ordered() {
			merged.Set(key, object.values[key])
		}
	}
	return merged, nil
}

func typeOf(v any) (any, error) {
	switch v.(type) {
	case undefinedType:
		return undefined, nil
	case nil:
		return "null", nil
	case bool:
		return "boolean", nil
	case float64:
		return "number", nil
	case string:
		return "string", nil
	case *Object:
		return "object", nil
	}
	return "array", nil
}

func stringOf(v any) (any, error) {
	if isUndefined(v) {
		return v, nil
	}
	return text(v)
}

// text is the string form of a value, "" for nothing.
func text(v any) (string, error) {
	switch v := v.(type) {
	case undefinedType:
		return "", nil
	case string:
		return v, nil
	}
	if holdsLongInteger(v) {
		return "", &FencedError{
			Reason: "a whole number of more than 15 digits becomes text, on which versions of JSONata disagree",
		}
	}
	return string(appendJSON(nil, v, formatRounded)), nil
}

func holdsLongInteger(v any) bool {
	if f, ok := v.(float64); ok {
		return f == math.Trunc(f) && math.Abs(f) >= 1e15
	}
	if object, ok := v.(*Object); ok {
		for _, member := range object.values {
			if holdsLongInteger(member) {
				return true
			}
		}
	}
	items, _ := list(v)
	for _, item := range items {
		if holdsLongInteger(item) {
			return true
		}
	}
	return false
}

var (
	decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([Ee][-+]?[0-9]+)?$`)
	// disputed matches the forms that only newer versions of JSONata accept.
	disputed = regexp.MustCompile(`^-?0[0-9]|0[xXoObB][0-9a-fA-F]`)
)

func number(v any) (any, error) {
	switch v := v.(type) {
	case undefinedType, float64:
		return v, nil
	case bool:
		if v {
			return 1.0, nil
		}
		return 0.0, nil
	case string:
		f, err := strconv.ParseFloat(v, 64)
		if decimal.MatchString(v) && err == nil {
			return f, nil
		}
		if disputed.MatchString(v) {
			return nil, &FencedError{Reason: fmt.Sprintf("%q is a number only in some versions of JSONata", v)}
		}
	}
	return nil, errors.New("the argument cannot be read as a number")
}
