package jsonata

import (
	"fmt"

	"github.com/blues/jsonata-go/jparse"
)

// Lookup returns the value of a variable (nil, bool, float64, string, []any or
// *Object), or false if there is no such variable.
type Lookup func(name string) (any, bool)

// EvalError is the reason why an evaluation failed.
type EvalError struct {
	Source string
	Err    error
}

func (e *EvalError) Error() string { return fmt.Sprintf("evaluate %q: %v", e.Source, e.Err) }

// Unwrap returns the reason.
func (e *EvalError) Unwrap() error { return e.Err }

// FencedError is returned instead of a result on which versions of JSONata
// disagree.
type FencedError struct{ Reason string }

func (e *FencedError) Error() string { return e.Reason }

// Eval evaluates the expression. defined is false if the result is JSONata's
// "nothing". The caller must not modify the result, which may share parts with
// the variables. An error is an *EvalError, which may wrap a *FencedError.
func (e *Expr) Eval(variables Lookup) (result any, defined bool, err error) {
	return e.EvalWithin(NewBudget(), variables)
}

// EvalWithin is Eval with a budget that several evaluations share.
func (e *Expr) EvalWithin(budget *Budget, variables Lookup) (result any, defined bool, err error) {
	ev := &evaluator{variables: variables, budget: budget}
	v, err := ev.eval(e.root, undefined)
	if err != nil {
		return nil, false, &EvalError{Source: e.source, Err: err}
	}
	if isUndefined(v) {
		return nil, false, nil
	}
	return plain(v), true, nil
}

// MaxWork limits an evaluation: the nodes evaluated, the elements of the lists
// made, and the values and each 16 bytes of text compared or made into text.
const MaxWork = 4 << 20

// Budget is what is left of MaxWork. It is not safe for concurrent use.
type Budget struct{ left int }

// NewBudget returns a budget of MaxWork.
func NewBudget() *Budget { return &Budget{left: MaxWork} }

var (
	errTooMuch = fmt.Errorf("the evaluation needs more than %d steps", MaxWork)
	errTooDeep = fmt.Errorf("the value is nested more than %d levels deep", MaxDepth)
)

func (b *Budget) spend(n int) error {
	if b.left -= n; b.left < 0 {
		return errTooMuch
	}
	return nil
}

// Spend takes the size of a value from the budget. It fails if the budget does
// not suffice, or if the value, placed depth levels deep, exceeds MaxDepth.
func (b *Budget) Spend(v any, depth int) error {
	text, _ := v.(string)
	if err := b.spend(1 + len(text)/16); err != nil {
		return err
	}
	items, isList := list(v)
	object, isObject := v.(*Object)
	if (isList || isObject) && depth >= MaxDepth {
		return errTooDeep
	}
	for _, item := range items {
		if err := b.Spend(item, depth+1); err != nil {
			return err
		}
	}
	if isObject {
		for name, member := range object.All() {
			err := b.spend(len(name) / 16)
			if err == nil {
				err = b.Spend(member, depth+1)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

type evaluator struct {
	variables Lookup
	budget    *Budget
}

// eval evaluates a node in a context and settles the result.
func (ev *evaluator) eval(node jparse.Node, context any) (any, error) {
	if err := ev.budget.spend(1); err != nil {
		return nil, err
	}
	v, err := ev.evalNode(node, context)
	if err != nil {
		return nil, err
	}
	return settle(v), nil
}

func (ev *evaluator) evalNode(node jparse.Node, context any) (any, error) {
	switch node := node.(type) {
	case *jparse.StringNode:
		return node.Value, nil
	case *jparse.NumberNode:
		return node.Value, nil
	case *jparse.BooleanNode:
		return node.Value, nil
	case *jparse.NullNode:
		return nil, nil
	case *jparse.VariableNode:
		return ev.variable(node.Name, context), nil
	case *jparse.NameNode:
		return ev.lookup(context, node.Value)
	case *jparse.PathNode:
		return ev.path(node, context)
	case *jparse.PredicateNode:
		return ev.predicate(node, context)
	case *jparse.ArrayNode:
		return ev.array(node, context)
	case *jparse.ObjectNode:
		return ev.object(node, context)
	case *jparse.BlockNode:
		return ev.eval(node.Exprs[0], context)
	case *jparse.ConditionalNode:
		return ev.conditional(node, context)
	case *jparse.FunctionCallNode:
		return ev.call(node, context)
	}
	return ev.operator(node, context)
}

func (ev *evaluator) variable(name string, context any) any {
	if name == "" {
		return context
	}
	if v, found := ev.variables(name); found {
		return v
	}
	return undefined
}

func (ev *evaluator) conditional(node *jparse.ConditionalNode, context any) (any, error) {
	condition, err := ev.eval(node.If, context)
	if err != nil {
		return nil, err
	}
	holds, err := ev.truthy(condition)
	if err != nil {
		return nil, err
	}
	switch {
	case holds:
		return ev.eval(node.Then, context)
	case node.Else != nil:
		return ev.eval(node.Else, context)
	}
	return undefined, nil
}

func (ev *evaluator) array(node *jparse.ArrayNode, context any) (any, error) {
	result := []any{}
	for _, item := range node.Items {
		v, err := ev.eval(item, context)
		if err != nil {
			return nil, err
		}
		if isUndefined(v) {
			continue
		}
		if items, ok := list(v); ok && !isArrayConstructor(item) {
			if err := ev.budget.spend(len(items)); err != nil {
				return nil, err
			}
			result = append(result, items...)
		} else {
			result = append(result, plain(v))
		}
	}
	return result, nil
}

// isArrayConstructor reports whether an array from the node becomes one element
// of the enclosing array. Any other array is flattened into it.
func isArrayConstructor(node jparse.Node) bool {
	switch node := node.(type) {
	case *jparse.ArrayNode:
		return true
	case *jparse.PredicateNode:
		return isArrayConstructor(node.Expr)
	}
	return false
}

// plain turns the evaluator's own array types into []any.
func plain(v any) any {
	if items, ok := list(v); ok {
		return items
	}
	return v
}

// truthy is the function truthy within the budget.
func (ev *evaluator) truthy(v any) (bool, error) {
	if _, ok := list(v); ok {
		if err := ev.budget.Spend(v, 0); err != nil {
			return false, err
		}
	}
	return truthy(v), nil
}

// truthy is JSONata's cast to a boolean; nothing is false.
func truthy(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v != ""
	case float64:
		return v != 0
	case *Object:
		return v.Len() > 0
	}
	items, _ := list(v)
	for _, item := range items {
		if truthy(item) {
			return true
		}
	}
	return false
}
