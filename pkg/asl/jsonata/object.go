package jsonata

import (
	"errors"
	"fmt"

	"github.com/blues/jsonata-go/jparse"
)

// group is the source of one member of an object constructor.
type group struct {
	pair int
	data any
}

// object evaluates an object constructor. If the context is a list, elements
// with the same name share one member.
func (ev *evaluator) object(node *jparse.ObjectNode, context any) (any, error) {
	items, ok := list(context)
	if !ok {
		items = []any{context}
	}
	if len(items) == 0 {
		items = []any{undefined}
	}
	names, groups, err := ev.groups(node, items)
	if err != nil {
		return nil, err
	}
	result := &Object{}
	for _, name := range names {
		v, err := ev.eval(node.Pairs[groups[name].pair][1], groups[name].data)
		if err != nil {
			return nil, err
		}
		if !isUndefined(v) {
			result.Set(name, plain(v))
		}
	}
	return result, nil
}

func (ev *evaluator) groups(node *jparse.ObjectNode, items []any) ([]string, map[string]*group, error) {
	var names []string
	groups := make(map[string]*group, len(node.Pairs))
	for _, item := range items {
		for i, pair := range node.Pairs {
			name, err := ev.key(pair[0], item)
			if err != nil {
				return nil, nil, err
			}
			known := groups[name]
			switch {
			case known == nil:
				names = append(names, name)
				groups[name] = &group{pair: i, data: item}
			case known.pair != i:
				return nil, nil, fmt.Errorf("two members of an object have the name %q", name)
			default:
				known.data = appendValues(known.data, item)
			}
		}
	}
	return names, groups, nil
}

func (ev *evaluator) key(node jparse.Node, item any) (string, error) {
	v, err := ev.eval(node, item)
	if err != nil {
		return "", err
	}
	if isUndefined(v) {
		return "", &FencedError{Reason: "a member name of an object is undefined, on which versions of JSONata disagree"}
	}
	name, ok := v.(string)
	if !ok {
		return "", errors.New("a member name of an object is not a string")
	}
	return name, nil
}

func appendValues(a, b any) any {
	if isUndefined(a) {
		return b
	}
	if isUndefined(b) {
		return a
	}
	joined := &sequence{}
	for _, v := range []any{a, b} {
		if items, ok := list(v); ok {
			joined.items = append(joined.items, items...)
		} else {
			joined.items = append(joined.items, v)
		}
	}
	return joined
}
