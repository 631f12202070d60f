package jsonata

import (
	"errors"
	"fmt"
	"strings"

	"github.com/blues/jsonata-go/jparse"
)

// checker walks a syntax tree and refuses what is outside the subset.
type checker struct{ refs []Reference }

// check checks one node. inContext is set if there is a context value: in a
// predicate and after the first step of a path.
func (c *checker) check(node jparse.Node, inContext bool) error {
	switch node := node.(type) {
	case *jparse.StringNode, *jparse.NumberNode, *jparse.BooleanNode, *jparse.NullNode:
		return nil
	case *jparse.VariableNode:
		return c.variable(node, inContext)
	case *jparse.NameNode:
		if !inContext {
			return fmt.Errorf("field %q has no context: begin with $states or a variable", node.Value)
		}
		return nil
	case *jparse.PathNode:
		return c.path(node, inContext)
	case *jparse.PredicateNode:
		return c.predicate(node, inContext)
	case *jparse.ObjectNode:
		for _, pair := range node.Pairs {
			if err := c.all(inContext, pair[0], pair[1]); err != nil {
				return err
			}
		}
		return nil
	case *jparse.BlockNode:
		if len(node.Exprs) != 1 {
			return errors.New("a block must have exactly one expression")
		}
		return c.check(node.Exprs[0], inContext)
	case *jparse.FunctionCallNode:
		return c.call(node, inContext)
	}
	return c.operator(node, inContext)
}

func (c *checker) operator(node jparse.Node, inContext bool) error {
	switch node := node.(type) {
	case *jparse.ArrayNode:
		return c.all(inContext, node.Items...)
	case *jparse.RangeNode:
		return c.all(inContext, node.LHS, node.RHS)
	case *jparse.NegationNode:
		return c.check(node.RHS, inContext)
	case *jparse.ComparisonOperatorNode:
		return c.all(inContext, node.LHS, node.RHS)
	case *jparse.BooleanOperatorNode:
		return c.all(inContext, node.LHS, node.RHS)
	case *jparse.StringConcatenationNode:
		return c.all(inContext, node.LHS, node.RHS)
	case *jparse.NumericOperatorNode:
		if node.Type == jparse.NumericModulo {
			return errors.New("the operator % is not supported")
		}
		return c.all(inContext, node.LHS, node.RHS)
	case *jparse.ConditionalNode:
		if node.Else == nil {
			return c.all(inContext, node.If, node.Then)
		}
		return c.all(inContext, node.If, node.Then, node.Else)
	}
	return fmt.Errorf("%s is not supported", describe(node))
}

func (c *checker) all(inContext bool, nodes ...jparse.Node) error {
	for _, node := range nodes {
		if err := c.check(node, inContext); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) variable(node *jparse.VariableNode, inContext bool) error {
	switch {
	case node.Name == "$":
		return errors.New("$$ is not supported: begin with $states")
	case node.Name == "" && !inContext:
		return errors.New("$ has no context here: begin with $states or a variable")
	case IsFunctionName(node.Name):
		return fmt.Errorf("function $%s is used as a value, which is not supported", node.Name)
	case node.Name != "":
		c.refs = append(c.refs, Reference{Variable: node.Name})
	}
	return nil
}

func (c *checker) path(node *jparse.PathNode, inContext bool) error {
	if node.KeepArrays {
		return errors.New("the suffix [] is not supported: write [ … ] around the path")
	}
	before := len(c.refs)
	for i, step := range node.Steps {
		if i > 0 {
			if err := checkStep(step); err != nil {
				return err
			}
		}
		if err := c.check(step, inContext || i > 0); err != nil {
			return err
		}
	}
	if isVariable(node.Steps[0]) && len(c.refs) > before {
		c.refs[before].Path = constantNames(node.Steps[1:])
		if len(c.refs[before].Path) > 0 {
			c.refs[before].Field = c.refs[before].Path[0]
		}
	}
	return nil
}

func isVariable(node jparse.Node) bool { _, ok := node.(*jparse.VariableNode); return ok }

// constantNames are the leading field names of steps.
func constantNames(steps []jparse.Node) []string {
	var names []string
	for _, step := range steps {
		predicated := false
		if p, ok := step.(*jparse.PredicateNode); ok {
			step, predicated = p.Expr, true
		}
		name, ok := step.(*jparse.NameNode)
		if !ok {
			break
		}
		names = append(names, name.Value)
		if predicated {
			break
		}
	}
	return names
}

// checkStep limits what may follow a dot.
func checkStep(step jparse.Node) error {
	if p, ok := step.(*jparse.PredicateNode); ok {
		step = p.Expr
	}
	switch step.(type) {
	case *jparse.NameNode, *jparse.ObjectNode, *jparse.BlockNode:
		return nil
	}
	return fmt.Errorf("%s after a dot is not supported: a field name, { … } or ( … ) may follow", describe(step))
}

func (c *checker) predicate(node *jparse.PredicateNode, inContext bool) error {
	if err := c.check(node.Expr, inContext); err != nil {
		return err
	}
	return c.all(true, node.Filters...)
}

func (c *checker) call(node *jparse.FunctionCallNode, inContext bool) error {
	callee, ok := node.Func.(*jparse.VariableNode)
	if !ok {
		return errors.New("calling the result of an expression is not supported")
	}
	if _, known := functions[callee.Name]; !known {
		return fmt.Errorf("function $%s is not supported", callee.Name)
	}
	if len(node.Args) != 1 {
		return fmt.Errorf("function $%s takes one argument here, not %d", callee.Name, len(node.Args))
	}
	return c.check(node.Args[0], inContext)
}

func describe(node jparse.Node) string {
	switch node.(type) {
	case *jparse.RegexNode:
		return "a regular expression"
	case *jparse.WildcardNode:
		return "the wildcard *"
	case *jparse.DescendentNode:
		return "the wildcard **"
	case *jparse.GroupNode:
		return "grouping with { … } after an expression"
	case *jparse.SortNode:
		return "sorting with ^( … )"
	case *jparse.LambdaNode, *jparse.TypedLambdaNode:
		return "a function definition"
	case *jparse.PartialNode, *jparse.PlaceholderNode:
		return "partial application with ?"
	case *jparse.AssignmentNode:
		return "assignment with :="
	case *jparse.FunctionApplicationNode:
		return "the operator ~>"
	case *jparse.ObjectTransformationNode:
		return "transformation with | … |"
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", node), "*jparse."), "Node"))
}
