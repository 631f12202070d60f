package jsonata

import (
	"errors"
	"fmt"
	"slices"

	"github.com/blues/jsonata-go/jparse"
)

// group is the source of one member of an object constructor.
type group struct {
	pair int
	data any
	own  bool // data is a sequence that only this group holds
}

// add adds an element of the context.
func (g *group) add(v any, budget *Budget) error {
	items := elements(v)
	if !g.own {
		g.data, g.own = &sequence{items: slices.Clone(elements(g.data))}, true
	}
	joined := g.data.(*sequence)
	joined.items = append(joined.items, items...)
	return budget.spend(len(items))
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
				if err := known.add(item, ev.budget); err != nil {
					return nil, nil, err
				}
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
