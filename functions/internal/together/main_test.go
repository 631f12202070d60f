package main

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"reprise/pkg/aws/settings"
)

// Each function does here what its own program does.
func TestEveryFunctionIsAsItsOwnProgramIs(t *testing.T) {
	here := make(map[string]string)
	file, files := parsed(t, "main.go")
	ast.Inspect(body(t, file, "functions"), func(n ast.Node) bool {
		pair, is := n.(*ast.KeyValueExpr)
		if !is {
			return true
		}
		name, err := strconv.Unquote(pair.Key.(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		here[name] = text(t, files, pair.Value.(*ast.FuncLit).Body)
		return false
	})
	for _, name := range settings.Functions() {
		own, files := parsed(t, filepath.Join("..", "..", name, "main.go"))
		if want := text(t, files, body(t, own, "main")); here[name] != want {
			t.Errorf("%s does\n%s\nand its own program does\n%s", name, here[name], want)
		}
	}
	if names := slices.Sorted(maps.Keys(here)); !slices.Equal(names, slices.Sorted(slices.Values(settings.Functions()))) {
		t.Errorf("the functions are %q", names)
	}
}

func parsed(t *testing.T, name string) (*ast.File, *token.FileSet) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file, files
}

// body is that of a function of a file.
func body(t *testing.T, file *ast.File, name string) *ast.BlockStmt {
	t.Helper()
	for _, d := range file.Decls {
		if f, is := d.(*ast.FuncDecl); is && f.Name.Name == name {
			return f.Body
		}
	}
	t.Fatalf("there is no func %s", name)
	return nil
}

// text is a block, whatever its indentation was.
func text(t *testing.T, files *token.FileSet, block *ast.BlockStmt) string {
	t.Helper()
	var out bytes.Buffer
	if err := format.Node(&out, files, block); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
