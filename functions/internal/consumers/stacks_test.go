package consumers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// TestMappingsAreThoseOfTheStacks reads the constants from the source of
// package stacks, which cannot be imported.
func TestMappingsAreThoseOfTheStacks(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../../stacks/function.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		switch value := spec.Values[0].(type) {
		case *ast.BasicLit:
			found[spec.Names[0].Name] = value.Value
		case *ast.UnaryExpr:
			found[spec.Names[0].Name] = value.Op.String() + value.X.(*ast.BasicLit).Value
		}
		return true
	})
	for name, want := range map[string]int{"forever": Forever, "batchSize": BatchSize} {
		if found[name] != fmt.Sprint(want) {
			t.Errorf("%s is %s in the stacks and %d here", name, found[name], want)
		}
	}
}
