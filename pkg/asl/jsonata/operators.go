package jsonata

import (
	"errors"
	"fmt"
	"math"

	"github.com/blues/jsonata-go/jparse"
)

// MaxRange limits the elements of [a..b] to the bytes of a payload.
const MaxRange = 262_144

func (ev *evaluator) operator(node jparse.Node, context any) (any, error) {
	switch node := node.(type) {
	case *jparse.NegationNode:
		return ev.negation(node, context)
	case *jparse.RangeNode:
		return ev.binary(node.LHS, node.RHS, context, ev.rangeOf)
	case *jparse.StringConcatenationNode:
		return ev.binary(node.LHS, node.RHS, context, ev.whole(concatenate))
	case *jparse.NumericOperatorNode:
		return ev.binary(node.LHS, node.RHS, context, func(l, r any) (any, error) { return calculate(node.Type, l, r) })
	case *jparse.ComparisonOperatorNode:
		return ev.binary(node.LHS, node.RHS, context,
			ev.whole(func(l, r any) (any, error) { return compare(node.Type, l, r) }))
	case *jparse.BooleanOperatorNode:
		return ev.boolean(node, context)
	}
	return nil, fmt.Errorf("%s is not supported", describe(node))
}

// whole takes both sides of an operator that may read every part of them from
// the budget.
func (ev *evaluator) whole(apply func(l, r any) (any, error)) func(l, r any) (any, error) {
	return func(l, r any) (any, error) {
		for _, side := range []any{l, r} {
			if err := ev.budget.Spend(side, 0); err != nil {
				return nil, err
			}
		}
		return apply(l, r)
	}
}

func (ev *evaluator) binary(l, r jparse.Node, context any, apply func(l, r any) (any, error)) (any, error) {
	left, err := ev.eval(l, context)
	if err != nil {
		return nil, err
	}
	right, err := ev.eval(r, context)
	if err != nil {
		return nil, err
	}
	return apply(left, right)
}

// boolean evaluates both sides. Versions of JSONata differ in whether they skip
// the right side when the left side decides, which matters only if the right
// side fails.
func (ev *evaluator) boolean(node *jparse.BooleanOperatorNode, context any) (any, error) {
	left, err := ev.eval(node.LHS, context)
	if err != nil {
		return nil, err
	}
	l, err := ev.truthy(left)
	if err != nil {
		return nil, err
	}
	right, err := ev.eval(node.RHS, context)
	if decided := l == (node.Type == jparse.BooleanOr); err != nil && decided {
		return nil, &FencedError{Reason: fmt.Sprintf(
			"the right side of %s fails although the left side decides: %v", node.Type, err)}
	}
	if err != nil {
		return nil, err
	}
	r, err := ev.truthy(right)
	if err != nil {
		return nil, err
	}
	if node.Type == jparse.BooleanOr {
		return l || r, nil
	}
	return l && r, nil
}

func (ev *evaluator) negation(node *jparse.NegationNode, context any) (any, error) {
	v, err := ev.eval(node.RHS, context)
	if err != nil || isUndefined(v) {
		return v, err
	}
	f, ok := v.(float64)
	if !ok {
		return nil, errors.New("cannot negate a value that is not a number")
	}
	return -f, nil
}

func (ev *evaluator) rangeOf(l, r any) (any, error) {
	for _, v := range []any{l, r} {
		if f, ok := v.(float64); !isUndefined(v) && (!ok || f != math.Trunc(f)) {
			return nil, errors.New("a bound of a range is not a whole number")
		}
	}
	if isUndefined(l) || isUndefined(r) {
		return undefined, nil
	}
	from, to := l.(float64), r.(float64)
	if max(math.Abs(from), math.Abs(to)) >= 1<<53 {
		return nil, &FencedError{Reason: "a bound of a range is a whole number beyond 2^53, where 1 cannot be added"}
	}
	if from > to {
		return undefined, nil
	}
	if to-from+1 > MaxRange {
		return nil, &FencedError{Reason: fmt.Sprintf("a range has more than %d elements", MaxRange)}
	}
	if err := ev.budget.spend(int(to-from) + 1); err != nil {
		return nil, err
	}
	seq := &sequence{items: make([]any, 0, int(to-from)+1)}
	for f := from; f <= to; f++ {
		seq.items = append(seq.items, f)
	}
	return seq, nil
}

func concatenate(l, r any) (any, error) {
	left, err := text(l)
	if err != nil {
		return nil, err
	}
	right, err := text(r)
	return left + right, err
}

func calculate(op jparse.NumericOperator, l, r any) (any, error) {
	left, isLeft := l.(float64)
	right, isRight := r.(float64)
	if (!isLeft && !isUndefined(l)) || (!isRight && !isUndefined(r)) {
		return nil, fmt.Errorf("a side of %s is not a number", op)
	}
	if !isLeft || !isRight {
		return undefined, nil
	}
	var result float64
	switch op {
	case jparse.NumericAdd:
		result = left + right
	case jparse.NumericSubtract:
		result = left - right
	case jparse.NumericMultiply:
		result = left * right
	case jparse.NumericDivide:
		result = left / right
	}
	if math.IsInf(result, 0) || math.IsNaN(result) {
		return nil, &FencedError{Reason: fmt.Sprintf("the result of %s is out of range", op)}
	}
	return result, nil
}

func compare(op jparse.ComparisonOperator, l, r any) (any, error) {
	switch op {
	case jparse.ComparisonEqual:
		return !isUndefined(l) && !isUndefined(r) && equal(l, r), nil
	case jparse.ComparisonNotEqual:
		return !isUndefined(l) && !isUndefined(r) && !equal(l, r), nil
	case jparse.ComparisonIn:
		return member(l, r)
	}
	order, defined, err := orderOf(op, l, r)
	if err != nil || !defined {
		return undefined, err
	}
	switch op {
	case jparse.ComparisonLess:
		return order < 0, nil
	case jparse.ComparisonLessEqual:
		return order <= 0, nil
	case jparse.ComparisonGreater:
		return order > 0, nil
	}
	return order >= 0, nil
}

func orderOf(op jparse.ComparisonOperator, l, r any) (order int, defined bool, err error) {
	for _, v := range []any{l, r} {
		switch v.(type) {
		case undefinedType, float64, string:
		default:
			return 0, false, fmt.Errorf("a side of %s is neither a number nor a string", op)
		}
	}
	if isUndefined(l) || isUndefined(r) {
		return 0, false, nil
	}
	switch left := l.(type) {
	case string:
		if right, ok := r.(string); ok {
			return compareStrings(left, right), true, nil
		}
	case float64:
		if right, ok := r.(float64); ok {
			switch {
			case left < right:
				return -1, true, nil
			case left > right:
				return 1, true, nil
			}
			return 0, true, nil
		}
	}
	return 0, false, fmt.Errorf("the sides of %s are a number and a string", op)
}

// member is the operator "in". The JavaScript implementation compares lists and
// objects by identity, on which no state machine can rely.
func member(l, r any) (any, error) {
	if isUndefined(l) || isUndefined(r) {
		return false, nil
	}
	if composite(l) {
		return nil, &FencedError{Reason: "the left side of in is a list or an object"}
	}
	items, ok := list(r)
	if !ok {
		items = []any{r}
	}
	for _, item := range items {
		if !composite(item) && item == l {
			return true, nil
		}
	}
	return false, nil
}

func composite(v any) bool {
	_, isList := list(v)
	_, isObject := v.(*Object)
	return isList || isObject
}
