package jsonata

import (
	"math"

	"github.com/blues/jsonata-go/jparse"
)

func (ev *evaluator) path(node *jparse.PathNode, context any) (any, error) {
	input := []any{context}
	if items, ok := list(context); ok && !startsAbsolute(node.Steps[0]) {
		input = items
	}
	var result any = undefined
	for i, step := range node.Steps {
		var err error
		if i == 0 && startsWithArray(step) {
			result, err = ev.firstArray(step, input)
		} else {
			result, err = ev.step(step, input, i == len(node.Steps)-1)
		}
		if err != nil {
			return nil, err
		}
		items, ok := list(result)
		if !ok && !isUndefined(result) {
			items = []any{result}
		}
		if len(items) == 0 {
			break
		}
		input = items
	}
	return result, nil
}

// startsAbsolute reports whether a first step is a variable and so independent
// of the context.
func startsAbsolute(step jparse.Node) bool {
	if predicate, ok := step.(*jparse.PredicateNode); ok {
		return startsAbsolute(predicate.Expr)
	}
	return isVariable(step)
}

// startsWithArray reports whether a first step begins with an array constructor,
// which is evaluated once even if the context is a list. In parentheses this
// applies only to a path, not to the bare constructor.
func startsWithArray(step jparse.Node) bool {
	switch step := step.(type) {
	case *jparse.ArrayNode:
		return true
	case *jparse.PredicateNode:
		return startsWithArray(step.Expr)
	case *jparse.BlockNode:
		return blockStartsWithArray(step)
	}
	return false
}

func blockStartsWithArray(block *jparse.BlockNode) bool {
	switch inner := block.Exprs[0].(type) {
	case *jparse.PathNode:
		return startsWithArray(inner.Steps[0])
	case *jparse.BlockNode:
		return blockStartsWithArray(inner)
	}
	return false
}

func (ev *evaluator) firstArray(step jparse.Node, input []any) (any, error) {
	v, err := ev.eval(step, &sequence{items: input})
	if items, ok := v.([]any); ok {
		return &consArray{items: items}, err
	}
	return v, err
}

// step evaluates one step of a path for every element of input and flattens the
// results into one list. A list that is the only result of the last step stays
// unchanged.
func (ev *evaluator) step(step jparse.Node, input []any, last bool) (any, error) {
	results := make([]any, 0, len(input))
	for _, item := range input {
		v, err := ev.stepOn(step, item)
		if err != nil {
			return nil, err
		}
		if !isUndefined(v) {
			results = append(results, v)
		}
	}
	if last && len(results) == 1 {
		switch results[0].(type) {
		case []any, *consArray:
			return results[0], nil
		}
	}
	joined := &sequence{items: make([]any, 0, len(results))}
	for _, v := range results {
		if _, cons := v.(*consArray); cons {
			joined.items = append(joined.items, plain(v))
		} else if items, ok := list(v); ok {
			if err := ev.budget.spend(len(items)); err != nil {
				return nil, err
			}
			joined.items = append(joined.items, items...)
		} else {
			joined.items = append(joined.items, v)
		}
	}
	return joined, nil
}

// stepOn evaluates a step for one element. The predicates of a field name belong
// to the path, so their result is not settled here.
func (ev *evaluator) stepOn(step jparse.Node, item any) (any, error) {
	predicate, ok := step.(*jparse.PredicateNode)
	if !ok {
		return ev.eval(step, item)
	}
	if _, isName := predicate.Expr.(*jparse.NameNode); !isName {
		return ev.eval(step, item)
	}
	v, err := ev.eval(predicate.Expr, item)
	if err != nil {
		return nil, err
	}
	return ev.filterAll(predicate.Filters, v)
}

// predicate evaluates filters of an expression other than a field name. Nested
// predicates are one chain of filters, whose results are not settled in between.
func (ev *evaluator) predicate(node *jparse.PredicateNode, context any) (any, error) {
	var v any
	var err error
	if inner, ok := node.Expr.(*jparse.PredicateNode); ok {
		v, err = ev.predicate(inner, context)
	} else {
		v, err = ev.eval(node.Expr, context)
	}
	if err != nil {
		return nil, err
	}
	return ev.filterAll(node.Filters, v)
}

func (ev *evaluator) filterAll(filters []jparse.Node, v any) (any, error) {
	for _, filter := range filters {
		var err error
		if v, err = ev.filter(filter, v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (ev *evaluator) filter(filter jparse.Node, v any) (any, error) {
	items, ok := list(v)
	if !ok {
		items = []any{v}
	}
	if number, ok := filter.(*jparse.NumberNode); ok {
		return pick(items, number.Value), nil
	}
	kept := &sequence{}
	for i, item := range items {
		result, err := ev.eval(filter, item)
		if err != nil {
			return nil, err
		}
		indexes, areIndexes := asIndexes(result)
		selected := false
		if areIndexes {
			err = ev.budget.spend(len(indexes))
		} else {
			selected, err = ev.truthy(result)
		}
		if err != nil {
			return nil, err
		}
		if isUndefined(item) && (selected || len(indexes) > 0) {
			return nil, &FencedError{Reason: "a predicate selects a value that is missing"}
		}
		if selected {
			kept.items = append(kept.items, item)
		}
		for _, index := range indexes {
			if resolveIndex(index, len(items)) == float64(i) {
				kept.items = append(kept.items, item)
			}
		}
	}
	return kept, nil
}

// pick is the filter by one constant index.
func pick(items []any, index float64) any {
	at := resolveIndex(index, len(items))
	if at < 0 || at >= float64(len(items)) {
		return &sequence{}
	}
	item := items[int(at)]
	if _, ok := list(item); ok {
		return item
	}
	if isUndefined(item) {
		return &sequence{}
	}
	return &sequence{items: []any{item}}
}

// resolveIndex rounds an index down and counts a negative one from the end.
func resolveIndex(index float64, length int) float64 {
	index = math.Floor(index)
	if index < 0 {
		index += float64(length)
	}
	return index
}

// asIndexes returns the positions that a filter selects, or false if its result
// is not a number or a list of numbers.
func asIndexes(v any) ([]float64, bool) {
	if f, ok := v.(float64); ok {
		return []float64{f}, true
	}
	items, ok := list(v)
	if !ok {
		return nil, false
	}
	indexes := make([]float64, 0, len(items))
	for _, item := range items {
		f, ok := item.(float64)
		if !ok {
			return nil, false
		}
		indexes = append(indexes, f)
	}
	return indexes, true
}

// lookup returns a field of an object, or of every object in a list.
func (ev *evaluator) lookup(v any, name string) (any, error) {
	if object, ok := v.(*Object); ok {
		if field, found := object.Get(name); found {
			return field, nil
		}
		return undefined, nil
	}
	items, ok := list(v)
	if !ok {
		return undefined, nil
	}
	found := &sequence{}
	for _, item := range items {
		field, err := ev.lookup(item, name)
		fields, ok := list(field)
		if err == nil {
			err = ev.budget.spend(1 + len(fields))
		}
		if err != nil {
			return nil, err
		}
		if ok {
			found.items = append(found.items, fields...)
		} else if !isUndefined(field) {
			found.items = append(found.items, field)
		}
	}
	return found, nil
}
